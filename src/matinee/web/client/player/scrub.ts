// The scrub bar: what was played, what is buffered, and a small picture under the pointer.
import type { Chapters } from "./chapters";
import { clock, spoken } from "./clock";
import { find } from "./elements";
import type { Extent } from "./extent";
import type { Thumbnails } from "./thumbnails";

export class Scrub {
  private dragging: number | null = null;
  private readonly played: HTMLElement;
  private readonly buffered: HTMLElement;
  private readonly preview: HTMLElement;
  private readonly picture: HTMLElement;
  private readonly label: HTMLElement;
  private readonly chapter: HTMLElement;

  constructor(
    private readonly bar: HTMLElement,
    private readonly video: HTMLVideoElement,
    private readonly extent: Extent,
    private readonly thumbnails: Thumbnails,
    private readonly chapters: Chapters,
    private readonly seek: (seconds: number) => void,
  ) {
    this.played = find(bar, ".scrub-played");
    this.buffered = find(bar, ".scrub-buffered");
    this.preview = find(bar, ".scrub-preview");
    this.picture = find(bar, ".scrub-picture");
    this.label = find(bar, ".scrub-time");
    this.chapter = find(bar, ".scrub-chapter");
    bar.addEventListener("pointerdown", (event) => this.grab(event));
    bar.addEventListener("pointermove", (event) => this.move(event));
    bar.addEventListener("pointerup", (event) => this.drop(event));
    bar.addEventListener("pointercancel", () => this.letGo());
    bar.addEventListener("pointerleave", () => this.dragging === null && this.hide());
    bar.addEventListener("keydown", (event) => this.key(event));
    for (const name of ["timeupdate", "progress", "durationchange", "seeking"]) {
      video.addEventListener(name, () => this.draw());
    }
  }

  draw(): void {
    const { currentTime, buffered } = this.video;
    const { duration, arrived } = this.extent;
    if (!(duration > 0)) return;
    const position = this.dragging ?? currentTime;
    let end = currentTime;
    for (let part = 0; part < buffered.length; part++) {
      if (buffered.start(part) <= currentTime + 0.1) end = Math.max(end, buffered.end(part));
    }
    this.played.style.transform = `scaleX(${Math.min(position / duration, 1)})`;
    this.buffered.style.transform = `scaleX(${Math.min(end / duration, 1)})`;
    this.bar.style.setProperty("--missing", String(Math.max(1 - arrived / duration, 0)));
    this.bar.style.setProperty("--at", String(Math.min(position / duration, 1)));
    this.bar.setAttribute("aria-valuemax", String(Math.round(duration)));
    this.bar.setAttribute("aria-valuenow", String(Math.round(position)));
    const chapter = this.chapters.at(position);
    const part = chapter ? `, ${chapter[1]}` : "";
    this.bar.setAttribute("aria-valuetext", `${spoken(position)} of ${spoken(duration)}${part}`);
  }

  private secondsAt(event: PointerEvent): number {
    const box = this.bar.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    return Math.min(Math.max(share, 0), 1) * (this.extent.duration || 0);
  }

  private grab(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.bar.setPointerCapture(event.pointerId);
    this.bar.classList.add("scrub-dragging");
    this.dragging = this.secondsAt(event);
    this.show(this.dragging);
    this.draw();
  }

  private move(event: PointerEvent): void {
    const seconds = this.secondsAt(event);
    if (this.dragging !== null) {
      this.dragging = seconds;
      this.draw();
    }
    if (event.pointerType !== "touch" || this.dragging !== null) this.show(seconds);
  }

  private drop(event: PointerEvent): void {
    if (this.dragging === null) return;
    const seconds = this.secondsAt(event);
    this.letGo();
    this.seek(seconds);
  }

  private letGo(): void {
    this.dragging = null;
    this.bar.classList.remove("scrub-dragging");
    this.hide();
  }

  /** A slider's keys (ARIA practices); arrows and digits belong to the whole player. */
  private key(event: KeyboardEvent): void {
    const { currentTime } = this.video;
    const { duration } = this.extent;
    const targets: Record<string, number> = {
      Home: 0,
      End: duration - 1,
      PageUp: currentTime + 60,
      PageDown: currentTime - 60,
    };
    const target = targets[event.key];
    if (target === undefined || !(duration > 0)) return;
    event.preventDefault();
    this.seek(target);
  }

  private show(seconds: number): void {
    const { duration } = this.extent;
    if (!(duration > 0)) return;
    const picture = this.thumbnails.at(seconds);
    this.picture.hidden = picture === null;
    if (picture) {
      this.picture.style.width = `${picture.width}px`;
      this.picture.style.height = `${picture.height}px`;
      this.picture.style.backgroundImage = `url("${picture.url}")`;
      this.picture.style.backgroundPosition = `-${picture.x}px -${picture.y}px`;
    }
    this.label.textContent = this.extent.isBeyond(seconds) ? `${clock(seconds)} · not here yet` : clock(seconds);
    const chapter = this.chapters.at(seconds);
    this.chapter.textContent = chapter?.[1] ?? "";
    this.chapter.hidden = chapter === null;
    this.preview.hidden = false;
    const width = this.preview.offsetWidth;
    const room = this.bar.clientWidth;
    const centre = Math.min(Math.max((seconds / duration) * room, width / 2), room - width / 2);
    this.preview.style.transform = `translateX(${centre - width / 2}px)`;
  }

  private hide(): void {
    this.preview.hidden = true;
  }
}
