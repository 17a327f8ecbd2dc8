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

/** Which of the results was opened, and for what query. */
export function tellChoices(queue: EventQueue, profileId: string): void {
  document.addEventListener("click", (event) => {
    const card = (event.target as Element).closest?.("a[href]")?.closest<HTMLElement>("[data-title]");
    const results = card?.closest<HTMLElement>("[data-results]");
    const titleId = card?.dataset.title;
    if (!card || !results || !titleId) return;
    queue.add("search.chosen", {
      profile_id: profileId,
      title_id: titleId,
      query: (results.dataset.results ?? "").slice(0, 200),
      place: Array.from(results.querySelectorAll("[data-title]")).indexOf(card),
    });
  });
}
