// What a play tells the service: started, a heartbeat each five seconds and at every turn, switched, stopped, failed.
import type { EventQueue } from "../events";
import type { Extent } from "./extent";
import type { Stream } from "./stream";

const HEARTBEAT_MS = 5000;
const TICK_MS = 250;
/** Shorter waits are not seen. */
const STALL_MS = 200;

export class Telemetry {
  /** Over the whole play. */
  stalls = 0;
  private watched = 0;
  private newStalls = 0;
  private stalledSeconds = 0;
  private waitingSince: number | null = null;
  private counted = false;
  /** The film stands at the end of what has arrived, which is no edge's fault and no stall. */
  private awaiting = false;
  private started = false;
  private stopped = false;
  private position: number;

  constructor(
    private readonly stream: Stream,
    private readonly extent: Extent,
    private readonly queue: EventQueue,
    private readonly about: { playback_id: string; title_id: string; profile_id: string },
  ) {
    const { video } = stream;
    this.position = video.currentTime;
    video.addEventListener("playing", () => this.begin());
    video.addEventListener("pause", () => !video.ended && this.beat());
    video.addEventListener("seeked", () => this.beat());
    video.addEventListener("ended", () => this.stop(true));
    addEventListener("pagehide", () => {
      this.stop(video.ended);
      this.queue.send(true);
    });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden") {
        this.beat();
        this.queue.send(true);
      }
    });
    setInterval(() => this.tick(), TICK_MS);
    setInterval(() => !video.paused && this.beat(), HEARTBEAT_MS);
  }

  switched(from: string, to: string): void {
    this.queue.add("playback.switched", {
      ...this.about,
      from_edge_id: from,
      to_edge_id: to,
      position_seconds: this.stream.video.currentTime,
    });
  }

  failed(reason: string): void {
    this.queue.add("playback.failed", {
      ...this.about,
      reason,
      position_seconds: this.stream.video.currentTime,
      edge_id: this.stream.edge,
    });
  }

  private begin(): void {
    this.stopped = false;
    if (this.started) return;
    this.started = true;
    this.position = this.stream.video.currentTime;
    // From the press of play, which is what opened this page.
    const facts = { edge_id: this.stream.edge, startup_seconds: performance.now() / 1000 };
    this.queue.add("playback.started", { ...this.about, ...facts });
  }

  /** Count what was played and where it stood still. */
  private tick(): void {
    const { video } = this.stream;
    const moved = video.currentTime - this.position;
    this.position = video.currentTime;
    if (!this.started || video.seeking || video.paused || video.ended) {
      this.endWait();
      this.awaiting = false;
      return;
    }
    if (moved > 0 && moved < (4 * TICK_MS * video.playbackRate) / 1000 + 1) this.watched += moved;
    if (moved > 0) this.endWait();
    this.awaiting = moved <= 0 && (this.awaiting || this.extent.isAtEnd);
    if (moved > 0 || this.awaiting) return;
    if (this.waitingSince === null) this.waitingSince = performance.now();
    else if (!this.counted && performance.now() - this.waitingSince >= STALL_MS) {
      this.counted = true;
      this.stalls += 1;
      this.newStalls += 1;
    }
  }

  private endWait(): void {
    if (this.counted && this.waitingSince !== null) {
      this.stalledSeconds += (performance.now() - this.waitingSince) / 1000;
    }
    this.waitingSince = null;
    this.counted = false;
  }

  private beat(): void {
    if (!this.started || this.stopped) return;
    const { video, hls, edge, bufferSeconds } = this.stream;
    this.queue.add("playback.heartbeat", {
      ...this.about,
      position_seconds: video.currentTime,
      watched_seconds: this.take(),
      duration_seconds: Number.isFinite(video.duration) ? video.duration : null,
      edge_id: edge,
      bitrate_bps: hls?.levels[hls.currentLevel]?.bitrate ?? null,
      buffer_seconds: bufferSeconds,
      stalls: this.newStalls,
      stalled_seconds: this.stalledSeconds,
    });
    this.newStalls = 0;
    this.stalledSeconds = 0;
  }

  private stop(ended: boolean): void {
    if (!this.started || this.stopped) return;
    if (this.newStalls > 0) this.beat();
    this.stopped = true;
    const { video } = this.stream;
    this.queue.add("playback.stopped", {
      ...this.about,
      position_seconds: video.currentTime,
      watched_seconds: this.take(),
      duration_seconds: Number.isFinite(video.duration) ? video.duration : null,
      ended,
    });
    this.queue.send();
  }

  private take(): number {
    const watched = this.watched;
    this.watched = 0;
    return watched;
  }
}
