// The film's chapters: marks on the scrub bar, the name of the one that plays, and where the next one begins.

/** Where a chapter begins, in seconds, and its name. */
export type Chapter = [start: number, name: string];

/** Further into a chapter than this, "previous" means its own beginning. */
const AGAIN_SECONDS = 3;
const MARKS_APART_PX = 6;

export class Chapters {
  private readonly chapters: Chapter[];

  constructor(
    private readonly track: HTMLElement,
    told: string,
    private readonly label: HTMLElement,
    private readonly video: HTMLVideoElement,
  ) {
    this.chapters = JSON.parse(told || "[]") as Chapter[];
    if (!this.chapters.length) return;
    for (const name of ["timeupdate", "seeking"]) video.addEventListener(name, () => this.tell());
    video.addEventListener("durationchange", () => this.mark());
    new ResizeObserver(() => this.mark()).observe(track);
  }

  at(seconds: number): Chapter | null {
    return this.chapters.findLast(([start]) => start <= seconds) ?? null;
  }

  /** The chapter after or before a time; null where there is none. */
  beside(seconds: number, by: 1 | -1): Chapter | null {
    if (by > 0) return this.chapters.find(([start]) => start > seconds) ?? null;
    const place = this.chapters.findLastIndex(([start]) => start <= seconds);
    const here = this.chapters[place] ?? null;
    return here && seconds - here[0] <= AGAIN_SECONDS ? (this.chapters[place - 1] ?? here) : here;
  }

  private tell(): void {
    const name = this.at(this.video.currentTime)?.[1] ?? "";
    if (this.label.textContent !== name) this.label.textContent = name;
    this.label.hidden = !name;
  }

  /** A mark where each chapter begins, but for the film's own beginning, and as many as can be told apart. */
  private mark(): void {
    const { duration } = this.video;
    const width = this.track.clientWidth;
    if (!(duration > 0) || !width) return;
    let last = 0;
    const marks: HTMLElement[] = [];
    for (const [start] of this.chapters) {
      const at = (start / duration) * width;
      if (at - last < MARKS_APART_PX || width - at < MARKS_APART_PX) continue;
      const mark = document.createElement("span");
      mark.className = "scrub-mark";
      mark.style.left = `${(start / duration) * 100}%`;
      marks.push(mark);
      last = at;
    }
    for (const old of this.track.querySelectorAll(".scrub-mark")) old.remove();
    this.track.append(...marks);
  }
}
