// What was searched for, once somebody has stopped typing; the list itself is htmx's work.
import type { EventQueue } from "../events";

const SETTLED_MS = 1500;

export function tellSearches(queue: EventQueue, profileId: string): void {
  const field = document.querySelector<HTMLInputElement>("#search-field");
  if (!field) return;
  let timer = 0;
  let told = "";
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = window.setTimeout(() => {
      const query = field.value.trim();
      const found = document.querySelector<HTMLElement>("[data-found]")?.dataset.found;
      if (query === "" || query === told || found === undefined) return;
      told = query;
      queue.add("search.made", { profile_id: profileId, query: query.slice(0, 200), found: Number(found) });
    }, SETTLED_MS);
  });
}
