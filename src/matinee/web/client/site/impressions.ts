// What was truly seen on a page: at least half of a card for at least a second. Rows learn from what is passed over.
import type { EventQueue } from "../events";

const LOOKED_MS = 1000;

export class Impressions {
  private readonly looking = new Map<Element, number>();
  private readonly told = new Set<string>();
  private readonly observer: IntersectionObserver;

  constructor(
    private readonly queue: EventQueue,
    private readonly profileId: string,
  ) {
    this.observer = new IntersectionObserver((entries) => this.seen(entries), { threshold: 0.5 });
    this.watch();
  }

  /** Cards that came with the page, or later. */
  watch(): void {
    for (const card of document.querySelectorAll("[data-row-id] [data-title]")) this.observer.observe(card);
  }

  private seen(entries: IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      clearTimeout(this.looking.get(target));
      if (isIntersecting)
        this.looking.set(
          target,
          window.setTimeout(() => this.tell(target), LOOKED_MS),
        );
      else this.looking.delete(target);
    }
  }

  private tell(card: Element): void {
    this.observer.unobserve(card);
    this.looking.delete(card);
    const row = card.closest<HTMLElement>("[data-row-id]");
    const { title: titleId, experiment, propensity, artwork, artworkPropensity } = (card as HTMLElement).dataset;
    if (!row || !titleId || !card.isConnected) return;
    const rowId = row.dataset.rowId ?? "";
    const key = `${rowId} ${titleId}`;
    if (this.told.has(key)) return;
    this.told.add(key);
    const rows = Array.from(document.querySelectorAll("[data-row-id]"));
    this.queue.add("impression.shown", {
      profile_id: this.profileId,
      title_id: titleId,
      row_id: rowId,
      row: rows.indexOf(row),
      place: Array.from(row.querySelectorAll("[data-title]")).indexOf(card),
      // What chance had a part in says so: without its likelihood nothing can be learned from it.
      ...(experiment === undefined ? {} : { experiment }),
      ...(propensity === undefined ? {} : { propensity: Number(propensity) }),
      ...(artwork === undefined ? {} : { artwork }),
      ...(artworkPropensity === undefined ? {} : { artwork_propensity: Number(artworkPropensity) }),
    });
  }
}
