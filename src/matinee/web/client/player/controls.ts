// Our own controls over the film: shown in 150 ms when somebody moves, gone three seconds later.
import type { Chapter } from "./chapters";
import { clock } from "./clock";
import { find } from "./elements";
import type { Extent } from "./extent";
import { listen } from "./shortcuts";

const IDLE_MS = 3000;
const DOUBLE_TAP_MS = 300;
const SPINNER_MS = 400;
const VOLUME = "matinee.volume";

interface Parts {
  stats(): void;
  faster(by: 1 | -1): number;
  /** Subtitles off or on again: what is said of it, or null if there are none. */
  subtitles(): string | null;
  /** The chapter after or before this time; null if there is none. */
  chapter(seconds: number, by: 1 | -1): Chapter | null;
  /** Where Esc leads. */
  leave(): void;
}

export class Controls {
  private idle = 0;
  private spinner = 0;
  private lastTap = { at: 0, x: 0 };
  private tap = 0;
  private readonly flash: HTMLElement;
  private readonly volume: HTMLInputElement;
  private readonly menu: HTMLElement;
  private flashTimer = 0;

  constructor(
    private readonly root: HTMLElement,
    private readonly video: HTMLVideoElement,
    private readonly extent: Extent,
    private readonly parts: Parts,
  ) {
    this.flash = find(root, ".player-flash");
    this.volume = find<HTMLInputElement>(root, "#volume");
    this.menu = find(root, "#menu");
    this.buttons();
    this.pointer();
    this.reflect();
    listen({
      toggle: () => this.toggle(),
      skip: (seconds) => this.skip(seconds),
      seekShare: (share) => this.seek(share * (extent.duration || 0)),
      chapter: (by) => this.chapter(by),
      louder: (by) => this.setVolume(video.volume + by),
      mute: () => this.mute(),
      fullscreen: () => this.fullscreen(),
      faster: (by) => this.say(`${parts.faster(by)}×`),
      subtitles: () => this.say(parts.subtitles() ?? "No subtitles"),
      stats: () => parts.stats(),
      back: () => this.back(),
    });
    const remembered = localStorage.getItem(VOLUME);
    if (remembered !== null) video.volume = Math.min(Math.max(Number(remembered), 0), 1);
    this.wake();
  }

  seek(seconds: number): void {
    this.video.currentTime = this.extent.hold(seconds);
    if (this.extent.isBeyond(seconds)) this.say("That part is still arriving");
    this.wake();
  }

  toggle(): void {
    if (this.video.paused) void this.video.play().catch(() => undefined);
    else this.video.pause();
    this.wake();
  }

  private skip(seconds: number): void {
    const target = this.video.currentTime + seconds;
    this.seek(target);
    if (this.extent.isBeyond(target)) return;
    this.say(seconds < 0 ? `−${-seconds} s` : `+${seconds} s`, seconds < 0 ? "left" : "right");
  }

  private chapter(by: 1 | -1): void {
    const chapter = this.parts.chapter(this.video.currentTime, by);
    if (!chapter) return this.say(by > 0 ? "No further chapter" : "No chapters");
    this.seek(chapter[0]);
    this.say(chapter[1]);
  }

  private setVolume(volume: number): void {
    this.video.volume = Math.min(Math.max(volume, 0), 1);
    this.video.muted = false;
    this.say(`Volume ${Math.round(this.video.volume * 100)} %`);
  }

  private mute(): void {
    this.video.muted = !this.video.muted;
    this.say(this.video.muted ? "Muted" : "Sound on");
  }

  private fullscreen(): void {
    if (document.fullscreenElement) void document.exitFullscreen();
    else void this.root.requestFullscreen?.().catch(() => undefined);
  }

  /** Esc goes one step out: the menu, the stats, full screen (the browser's own), the film. */
  private back(): void {
    if (this.menu.matches(":popover-open")) this.menu.hidePopover();
    else if (document.fullscreenElement) void document.exitFullscreen();
    else this.parts.leave();
  }

  private buttons(): void {
    const { root, video } = this;
    const press: Record<string, () => void> = {
      play: () => this.toggle(),
      back: () => this.skip(-10),
      forward: () => this.skip(10),
      mute: () => this.mute(),
      stats: () => this.parts.stats(),
      fullscreen: () => this.fullscreen(),
      pip: () => {
        if (document.pictureInPictureElement) void document.exitPictureInPicture();
        else void video.requestPictureInPicture().catch(() => undefined);
      },
    };
    for (const button of root.querySelectorAll<HTMLButtonElement>("[data-press]")) {
      const action = press[button.dataset.press ?? ""];
      if (action) button.addEventListener("click", action);
    }
    for (const button of root.querySelectorAll<HTMLButtonElement>("[data-press=pip]")) {
      button.hidden = !document.pictureInPictureEnabled;
    }
    this.volume.addEventListener("input", () => {
      video.volume = Number(this.volume.value);
      video.muted = false;
    });
  }

  private pointer(): void {
    const { root, video } = this;
    for (const name of ["pointermove", "pointerdown", "keydown", "focusin"]) {
      root.addEventListener(name, (event) => {
        if (!(event instanceof PointerEvent && event.pointerType === "touch")) this.wake();
      });
    }
    video.addEventListener("pointerup", (event) => {
      if (event.pointerType === "touch") this.touched(event);
      else if (event.button === 0 && !this.menu.matches(":popover-open")) this.toggle();
    });
    video.addEventListener("dblclick", () => this.fullscreen());
  }

  /** One tap shows or hides the controls, two on a side skip. */
  private touched(event: PointerEvent): void {
    const now = performance.now();
    const double = now - this.lastTap.at < DOUBLE_TAP_MS && Math.abs(event.clientX - this.lastTap.x) < 60;
    this.lastTap = { at: now, x: event.clientX };
    clearTimeout(this.tap);
    if (double) {
      const share = event.clientX / this.root.clientWidth;
      if (share < 0.4) this.skip(-10);
      else if (share > 0.6) this.skip(10);
      else this.toggle();
      return;
    }
    this.tap = window.setTimeout(() => {
      if (this.root.classList.contains("player-idle")) this.wake();
      else this.rest();
    }, DOUBLE_TAP_MS);
  }

  private reflect(): void {
    const { root, video } = this;
    const playLabel = () => {
      root.classList.toggle("player-playing", !video.paused);
      for (const button of root.querySelectorAll("[data-press=play]")) {
        button.setAttribute("aria-label", video.paused ? "Play" : "Pause");
      }
      this.wake();
    };
    video.addEventListener("play", playLabel);
    video.addEventListener("pause", playLabel);
    video.addEventListener("volumechange", () => {
      const silent = video.muted || video.volume === 0;
      root.classList.toggle("player-muted", silent);
      this.volume.value = String(video.muted ? 0 : video.volume);
      this.volume.style.setProperty("--share", this.volume.value);
      find(root, "[data-press=mute]").setAttribute("aria-label", silent ? "Sound on" : "Mute");
      localStorage.setItem(VOLUME, String(video.volume));
    });
    const now = find(root, "#now");
    const total = find(root, "#total");
    const times = () => {
      now.textContent = clock(video.currentTime);
      total.textContent = clock(this.extent.duration);
    };
    for (const name of ["timeupdate", "durationchange", "seeking"]) video.addEventListener(name, times);
    document.addEventListener("fullscreenchange", () => {
      const full = document.fullscreenElement !== null;
      root.classList.toggle("player-full", full);
      find(root, "[data-press=fullscreen]").setAttribute("aria-label", full ? "Leave full screen" : "Full screen");
    });
    const arriving = find(root, "#arriving");
    // A wait shorter than the eye's patience needs no spinner.
    const wait = () => {
      clearTimeout(this.spinner);
      this.spinner = window.setTimeout(() => {
        root.classList.add("player-waiting");
        arriving.hidden = !this.extent.isAtEnd;
      }, SPINNER_MS);
    };
    const done = () => {
      clearTimeout(this.spinner);
      root.classList.remove("player-waiting");
      arriving.hidden = true;
    };
    video.addEventListener("waiting", wait);
    for (const name of ["playing", "canplay", "pause", "ended"]) video.addEventListener(name, done);
    wait();
  }

  private wake(): void {
    this.root.classList.remove("player-idle");
    clearTimeout(this.idle);
    this.idle = window.setTimeout(() => this.rest(), IDLE_MS);
  }

  private rest(): void {
    const busy = this.video.paused || this.menu.matches(":popover-open") || this.root.querySelector(".scrub-dragging");
    if (!busy) this.root.classList.add("player-idle");
  }

  /** A word in the middle of the picture, or at the side it concerns. */
  private say(text: string, side = "middle"): void {
    this.flash.textContent = text;
    this.flash.dataset.side = side;
    this.flash.classList.remove("player-flash-shown");
    void this.flash.offsetWidth;
    this.flash.classList.add("player-flash-shown");
    clearTimeout(this.flashTimer);
    this.flashTimer = window.setTimeout(() => this.flash.classList.remove("player-flash-shown"), 700);
    this.wake();
  }
}
