// Tables marked data-sort: a press on a heading sorts by it, by data-value where a cell has one.
export function sortTables(): void {
  for (const table of document.querySelectorAll<HTMLTableElement>("table[data-sort]")) {
    const headings = table.querySelectorAll<HTMLTableCellElement>("thead th");
    headings.forEach((heading, column) => {
      const button = document.createElement("button");
      button.className = "sort";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => sort(table, heading, column));
    });
  }
}

function sort(table: HTMLTableElement, heading: HTMLTableCellElement, column: number): void {
  const descending = heading.getAttribute("aria-sort") === "ascending";
  for (const other of table.querySelectorAll("thead th")) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  const body = table.tBodies[0];
  if (!body) return;
  const key = (row: HTMLTableRowElement): string | number => {
    const cell = row.cells[column];
    const value = cell?.dataset.value;
    return value === undefined ? (cell?.textContent?.trim() ?? "") : Number(value);
  };
  const rows = [...body.rows].sort((one, other) => {
    const [a, b] = [key(one), key(other)];
    const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
    return descending ? -order : order;
  });
  body.append(...rows);
}
