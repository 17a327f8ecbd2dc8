// "Stats for nerds": a quiet overlay with the edge, the pathway and the last minute of buffer as a small plot.
import { find } from "./elements";
import type { Stream } from "./stream";
import type { Telemetry } from "./telemetry";

const EVERY_MS = 500;
const SAMPLES = 120;

interface Sample {
  buffer: number;
  bandwidth: number;
  edge: string | null;
  stalled: boolean;
}

const bits = (bps: number): string =>
  bps >= 1e6 ? `${(bps / 1e6).toFixed(1)} Mbit/s` : `${Math.round(bps / 1e3)} kbit/s`;

export class Stats {
  private readonly samples: Sample[] = [];
  private readonly canvas: HTMLCanvasElement;
  private readonly rows: Map<string, HTMLElement>;
  private stalls = 0;

  constructor(
    private readonly panel: HTMLElement,
    private readonly stream: Stream,
    private readonly telemetry: () => Telemetry | null,
  ) {
    this.canvas = find<HTMLCanvasElement>(panel, "canvas");
    this.rows = new Map(
      Array.from(panel.querySelectorAll<HTMLElement>("[data-stat]"), (row) => [row.dataset.stat ?? "", row]),
    );
    setInterval(() => this.sample(), EVERY_MS);
  }

  toggle(shown = this.panel.hidden): void {
    this.panel.hidden = !shown;
    if (shown) this.sample();
  }

  private sample(): void {
    const stalls = this.telemetry()?.stalls ?? 0;
    this.samples.push({
      buffer: this.stream.bufferSeconds,
      bandwidth: this.stream.hls?.bandwidthEstimate ?? 0,
      edge: this.stream.edge,
      stalled: stalls > this.stalls,
    });
    this.stalls = stalls;
    if (this.samples.length > SAMPLES) this.samples.shift();
    if (this.panel.hidden) return;
    this.write();
    this.draw();
  }

  private write(): void {
    const { stream } = this;
    const { hls, video } = stream;
    const { edges, playback_id } = stream.addresses.playback;
    const edge = edges.find((other) => other.id === stream.edge);
    const level = hls?.levels[hls.currentLevel];
    const frames = video.getVideoPlaybackQuality();
    const segment = stream.segments.at(-1);
    const values: Record<string, string> = {
      edge: edge ? `${edge.id} in ${edge.region}` : "none yet",
      pathway: stream.pathway ?? "the browser's own",
      reason: edge?.reason ?? "",
      picture: level
        ? `${level.width}×${level.height}, ${bits(level.bitrate)}`
        : `${video.videoWidth}×${video.videoHeight}`,
      bandwidth: hls ? bits(hls.bandwidthEstimate) : "unknown",
      buffer: `${stream.bufferSeconds.toFixed(1)} s`,
      frames: `${frames.droppedVideoFrames} of ${frames.totalVideoFrames} dropped`,
      stalls: String(this.telemetry()?.stalls ?? 0),
      segment: segment
        ? `${Math.round(segment.bytes / 1000)} kB in ${Math.round(segment.milliseconds)} ms`
        : "none yet",
      playback: playback_id,
    };
    for (const [name, row] of this.rows) row.textContent = values[name] ?? "";
  }

  private draw(): void {
    const { canvas, samples } = this;
    const ratio = devicePixelRatio || 1;
    const width = canvas.clientWidth;
    const height = canvas.clientHeight;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const pen = canvas.getContext("2d");
    if (!pen) return;
    pen.scale(ratio, ratio);
    const style = getComputedStyle(canvas);
    // A token may read light-dark(…), which no canvas knows; a computed colour is one colour.
    const colour = (name: string) => {
      canvas.style.color = `var(${name})`;
      return style.color;
    };
    const floor = height - 8;
    const highest = Math.max(10, ...samples.map((sample) => sample.buffer)) * 1.1;
    const x = (index: number) => width - (samples.length - 1 - index) * (width / (SAMPLES - 1));
    const y = (seconds: number) => floor - (seconds / highest) * (floor - 4);

    pen.strokeStyle = colour("--stat-grid");
    pen.fillStyle = colour("--stat-faint");
    pen.font = `10px ${style.fontFamily}`;
    for (let seconds = 10; seconds < highest; seconds += highest > 45 ? 20 : 10) {
      pen.beginPath();
      pen.moveTo(0, y(seconds) + 0.5);
      pen.lineTo(width, y(seconds) + 0.5);
      pen.stroke();
      pen.fillText(`${seconds} s`, 2, y(seconds) - 2);
    }

    // Which edge served, as a band under the buffer.
    const order = this.stream.addresses.playback.edges.map((edge) => edge.id);
    samples.forEach((sample, index) => {
      if (sample.edge === null) return;
      pen.fillStyle = colour(`--plot-${(Math.max(order.indexOf(sample.edge), 0) % 5) + 1}`);
      pen.fillRect(x(index) - width / SAMPLES, height - 5, width / SAMPLES + 1, 5);
    });

    pen.strokeStyle = colour("--brass");
    pen.lineWidth = 1.5;
    pen.beginPath();
    samples.forEach((sample, index) => {
      if (index === 0) pen.moveTo(x(index), y(sample.buffer));
      else pen.lineTo(x(index), y(sample.buffer));
    });
    pen.stroke();

    pen.fillStyle = colour("--bad");
    samples.forEach((sample, index) => {
      if (sample.stalled) pen.fillRect(x(index) - 1, 0, 2, floor);
    });
  }
}
