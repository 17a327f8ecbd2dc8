// What may be passed over: a button while the film is inside a recap or an intro, and the next episode at the credits.
import { find } from "./elements";
import type { Span } from "./playback";

const WORDS: Record<Span["kind"], string> = {
  recap: "Skip recap",
  intro: "Skip intro",
  credits: "Skip credits",
};

/** Nearer to a span's end nothing is worth passing over. */
const LEAST_SECONDS = 1;

/** The span that a moment is in. */
export function spanAt(spans: readonly Span[], seconds: number): Span | null {
  return spans.find((span) => span.start_seconds <= seconds && seconds < span.end_seconds - LEAST_SECONDS) ?? null;
}

export class Passing {
  private here: Span | null = null;
  private readonly skip: HTMLButtonElement;
  private readonly next: HTMLAnchorElement | null;

  constructor(
    private readonly card: HTMLElement,
    private readonly video: HTMLVideoElement,
    private readonly spans: readonly Span[],
    seek: (seconds: number) => void,
  ) {
    this.skip = find<HTMLButtonElement>(card, "[data-skip]");
    this.next = card.querySelector("[data-next]");
    this.skip.addEventListener("click", () => {
      if (this.here) seek(this.here.end_seconds);
      void video.play().catch(() => undefined);
    });
    for (const name of ["timeupdate", "seeked", "durationchange", "ended"]) {
      video.addEventListener(name, () => this.draw());
    }
  }

  private draw(): void {
    const span = this.video.ended ? null : spanAt(this.spans, this.video.currentTime);
    if (span === this.here) return;
    this.here = span;
    const leads = span?.kind === "credits" && this.next !== null;
    // Credits that last until the end lead nowhere but to the next episode, if there is one.
    const toEnd = span !== null && span.end_seconds >= this.video.duration - LEAST_SECONDS;
    this.skip.hidden = span === null || (span.kind === "credits" && toEnd);
    if (this.next) this.next.hidden = !leads;
    if (span) this.skip.textContent = WORDS[span.kind];
    this.card.hidden = this.skip.hidden && !leads;
  }
}
