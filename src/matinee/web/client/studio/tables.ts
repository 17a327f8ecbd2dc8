// Tables marked data-sort: a press on a heading sorts by it, by data-value where a cell has one. A table that a page
// renews keeps its order: it is known by its name, data-sort="…".
interface Order {
  column: number;
  descending: boolean;
}

const orders = new Map<string, Order>();

export function sortTables(): void {
  dress();
  document.addEventListener("htmx:after:swap", dress);
}

function dress(): void {
  for (const table of document.querySelectorAll<HTMLTableElement>("table[data-sort]")) {
    const headings = [...table.querySelectorAll<HTMLTableCellElement>("thead th")];
    const name = table.dataset.sort ?? "";
    if (!table.querySelector("button.sort")) arm(table, headings, name);
    const order = orders.get(name);
    if (order) sort(table, headings, order);
  }
}

function arm(table: HTMLTableElement, headings: HTMLTableCellElement[], name: string): void {
  headings.forEach((heading, column) => {
    if (heading.querySelector(".visually-hidden")) return;
    const button = document.createElement("button");
    button.className = "sort";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const before = orders.get(name);
      const order = { column, descending: before?.column === column && !before.descending };
      orders.set(name, order);
      sort(table, headings, order);
    });
  });
}

function sort(table: HTMLTableElement, headings: HTMLTableCellElement[], { column, descending }: Order): void {
  for (const other of headings) other.removeAttribute("aria-sort");
  headings[column]?.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const body = table.tBodies[0];
  if (!body) return;
  const key = (row: HTMLTableRowElement): string | number => {
    const cell = row.cells[column];
    const value = cell?.dataset.value;
    return value === undefined ? (cell?.textContent?.trim() ?? "") : Number(value);
  };
  const found = [...body.rows];
  const rows = found.toSorted((one, other) => {
    const [a, b] = [key(one), key(other)];
    const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
    return descending ? -order : order;
  });
  // A row that is moved loses the focus of what is in it.
  if (rows.some((row, index) => row !== found[index])) body.append(...rows);
}
