// One menu for sound, subtitles, quality and speed: groups of radio buttons, filled from what the film has.
import { isOfPlaying } from "./codecs";
import { find } from "./elements";
import type { Stream } from "./stream";
import { OFF, type Tracks } from "./tracks";

/** A place among what hls.js lists, and what it is called. */
export type Choice = [place: number, text: string];

const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2];

function option(name: string, value: string, text: string, checked: boolean): HTMLLabelElement {
  const label = document.createElement("label");
  const input = document.createElement("input");
  input.type = "radio";
  input.name = name;
  input.value = value;
  input.checked = checked;
  const words = document.createElement("span");
  words.textContent = text;
  label.append(input, words);
  return label;
}

export class Menu {
  private readonly quality: HTMLElement;
  private readonly speed: HTMLElement;
  private readonly sound: HTMLElement;
  private readonly subtitles: HTMLElement;
  private readonly offered = new Map<HTMLElement, string>();

  constructor(
    readonly panel: HTMLElement,
    private readonly stream: Stream,
    private readonly tracks: Tracks,
  ) {
    this.quality = find(panel, "[data-menu=quality]");
    this.speed = find(panel, "[data-menu=speed]");
    this.sound = find(panel, "[data-menu=sound]");
    this.subtitles = find(panel, "[data-menu=subtitles]");
    const chosen = (event: Event) => Number((event.target as HTMLInputElement).value);
    this.sound.addEventListener("change", (event) => tracks.hear(chosen(event)));
    this.subtitles.addEventListener("change", (event) => tracks.show(chosen(event)));
    for (const speed of SPEEDS) {
      this.speed.append(option("speed", String(speed), speed === 1 ? "Normal" : `${speed}×`, speed === 1));
    }
    this.quality.addEventListener("change", (event) => stream.choose(chosen(event)));
    this.speed.addEventListener("change", (event) => {
      stream.video.playbackRate = Number((event.target as HTMLInputElement).value);
    });
    stream.video.addEventListener("ratechange", () => {
      const { playbackRate } = stream.video;
      for (const input of this.speed.querySelectorAll("input")) input.checked = Number(input.value) === playbackRate;
    });
  }

  /** The next speed up or down. */
  faster(by: 1 | -1): number {
    const { video } = this.stream;
    const at = SPEEDS.findIndex((speed) => speed >= video.playbackRate);
    const next = SPEEDS[Math.min(Math.max(at + by, 0), SPEEDS.length - 1)] ?? 1;
    video.playbackRate = next;
    return next;
  }

  /** What the pathway in use has; asked again after each change, because pathways may differ. */
  offer(): void {
    const { hls } = this.stream;
    if (!hls) return;
    const chosen = hls.autoLevelEnabled ? -1 : hls.loadLevel;
    const playing = hls.levels[hls.currentLevel];
    const rungs = hls.levels.flatMap((level, place): Choice[] => {
      const text = `${level.height}p · ${(level.bitrate / 1e6).toFixed(1)} Mbit/s`;
      return isOfPlaying(hls, level) ? [[place, text]] : [];
    });
    const auto: Choice = [-1, playing ? `Auto · ${playing.height}p` : "Auto"];
    this.fill(this.quality, "quality", [auto, ...rungs.reverse()], chosen);
    const sounds = this.tracks.sounds();
    // One sound is no choice.
    this.fill(this.sound, "sound", sounds.length > 1 ? sounds : [], hls.audioTrack);
    const texts = this.tracks.texts();
    this.fill(this.subtitles, "subtitles", texts.length > 0 ? [[OFF, "Off"], ...texts] : [], this.tracks.shown());
  }

  private fill(group: HTMLElement, name: string, choices: Choice[], chosen: number): void {
    const offered = JSON.stringify([choices, chosen]);
    if (offered === this.offered.get(group)) return;
    this.offered.set(group, offered);
    const focused = group.contains(document.activeElement);
    group.replaceChildren(...choices.map(([place, text]) => option(name, String(place), text, place === chosen)));
    const whole = group.closest("fieldset");
    if (whole) whole.hidden = choices.length === 0;
    if (focused) group.querySelector<HTMLInputElement>("input:checked")?.focus();
  }
}
