// Rows of cards by keyboard and remote: left and right within a row, up and down between rows; one stop a row for Tab.

const ROW = "[data-row]";
const STOP = "[data-stop]";

const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** A row that shows all of its cards needs no arrows. */
const fits = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    target.parentElement?.classList.toggle("row-fits", target.scrollWidth <= target.clientWidth);
  }
});

function stops(row: Element): HTMLElement[] {
  return Array.from(row.querySelectorAll<HTMLElement>(STOP));
}

/** One card of each row can be reached by Tab; the others by the arrows. A plain row keeps all its stops. */
function rove(row: Element, chosen?: HTMLElement): void {
  if (row.hasAttribute("data-plain")) return;
  const cards = stops(row);
  const current = chosen ?? cards.find((card) => card.tabIndex === 0 && card.hasAttribute("tabindex")) ?? cards[0];
  for (const card of cards) card.tabIndex = card === current ? 0 : -1;
}

function go(card: HTMLElement | undefined): boolean {
  if (!card) return false;
  card.focus({ preventScroll: true });
  card.scrollIntoView({ inline: "nearest", block: "nearest", behavior: calm.matches ? "auto" : "smooth" });
  return true;
}

function middle(element: Element): number {
  const box = element.getBoundingClientRect();
  return box.left + box.width / 2;
}

function nearest(row: Element, to: Element): HTMLElement | undefined {
  const x = middle(to);
  return stops(row).reduce<HTMLElement | undefined>(
    (best, card) => (best && Math.abs(middle(best) - x) <= Math.abs(middle(card) - x) ? best : card),
    undefined,
  );
}

/** The card above or below in the same row, where its cards wrap into a grid. */
function across(cards: HTMLElement[], card: HTMLElement, way: 1 | -1): HTMLElement | undefined {
  const here = card.getBoundingClientRect();
  const beyond = cards.filter((other) => way * (other.getBoundingClientRect().top - here.top) > here.height / 2);
  const line = Math.min(...beyond.map((other) => Math.abs(other.getBoundingClientRect().top - here.top)));
  const x = middle(card);
  return beyond
    .filter((other) => Math.abs(other.getBoundingClientRect().top - here.top) < line + here.height / 2)
    .sort((one, other) => Math.abs(middle(one) - x) - Math.abs(middle(other) - x))[0];
}

function move(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
  const card = (event.target as HTMLElement).closest<HTMLElement>(STOP);
  const row = card?.closest(ROW);
  if (!card || !row) return;
  // Within a field the keys are the text's, but for those that leave its line.
  if (card instanceof HTMLInputElement && !["ArrowUp", "ArrowDown"].includes(event.key)) return;
  const cards = stops(row);
  const at = cards.indexOf(card);
  const rows = Array.from(document.querySelectorAll(ROW)).filter((other) => other.querySelector(STOP));
  const here = rows.indexOf(row);
  let gone = false;
  switch (event.key) {
    case "ArrowRight":
      gone = go(cards[at + 1]);
      break;
    case "ArrowLeft":
      gone = go(cards[at - 1]);
      break;
    case "ArrowDown": {
      const below = rows[here + 1];
      gone = go(across(cards, card, 1)) || (below !== undefined && go(nearest(below, card)));
      break;
    }
    case "ArrowUp": {
      const above = rows[here - 1];
      gone = go(across(cards, card, -1)) || (above !== undefined && go(nearest(above, card)));
      break;
    }
    case "Home":
      gone = go(cards[0]);
      break;
    case "End":
      gone = go(cards.at(-1));
      break;
  }
  if (gone) event.preventDefault();
}

/** The arrows at a row's ends, for a mouse without a wheel to the side. */
function step(event: Event): void {
  const button = (event.target as HTMLElement).closest<HTMLElement>("[data-step]");
  const row = button?.parentElement?.querySelector<HTMLElement>(ROW);
  if (!button || !row) return;
  const by = Number(button.dataset.step) * row.clientWidth * 0.85;
  row.scrollBy({ left: by, behavior: calm.matches ? "auto" : "smooth" });
}

export function watchRows(): void {
  document.addEventListener("keydown", move);
  document.addEventListener("click", step);
  document.addEventListener("focusin", (event) => {
    const card = (event.target as HTMLElement).closest<HTMLElement>(STOP);
    const row = card?.closest(ROW);
    if (card && row) rove(row, card);
  });
  dressRows();
}

/** Rows that came with the page, or later. */
export function dressRows(): void {
  for (const row of document.querySelectorAll(ROW)) {
    rove(row);
    fits.observe(row);
  }
}
