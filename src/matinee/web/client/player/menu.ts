// One menu for quality and speed: two groups of radio buttons, filled from what the film has.
import { find } from "./elements";
import type { Stream } from "./stream";

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
  private offered = "";

  constructor(
    readonly panel: HTMLElement,
    private readonly stream: Stream,
  ) {
    this.quality = find(panel, "[data-menu=quality]");
    this.speed = find(panel, "[data-menu=speed]");
    for (const speed of SPEEDS) {
      this.speed.append(option("speed", String(speed), speed === 1 ? "Normal" : `${speed}×`, speed === 1));
    }
    this.quality.addEventListener("change", (event) => stream.choose(Number((event.target as HTMLInputElement).value)));
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

  /** The rungs of the pathway in use; asked again after each change, because pathways may differ. */
  offer(): void {
    const { hls } = this.stream;
    if (!hls) return;
    const chosen = hls.autoLevelEnabled ? -1 : hls.loadLevel;
    const playing = hls.levels[hls.currentLevel];
    const rungs = hls.levels.map((level, place) => ({ place, height: level.height, bitrate: level.bitrate })).reverse();
    const auto = playing ? `Auto · ${playing.height}p` : "Auto";
    const offered = JSON.stringify([rungs, chosen, auto]);
    if (offered === this.offered) return;
    this.offered = offered;
    const focused = this.quality.contains(document.activeElement);
    this.quality.replaceChildren(
      option("quality", "-1", auto, chosen === -1),
      ...rungs.map(({ place, height, bitrate }) =>
        option("quality", String(place), `${height}p · ${(bitrate / 1e6).toFixed(1)} Mbit/s`, chosen === place),
      ),
    );
    if (focused) this.quality.querySelector<HTMLInputElement>("input:checked")?.focus();
  }
}
