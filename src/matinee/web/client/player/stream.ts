// hls.js, set so that it starts quickly, changes edges without a stall and comes back from what hls.js calls fatal.
import Hls, { ErrorDetails, ErrorTypes, Events, type HlsConfig, type LoadPolicy } from "hls.js";
import { EdgeFailover, SILENCE_MS, WatchedLoader } from "./failover";
import { type Addresses, type Playback, Refusal, renewPlayback } from "./playback";

const DEFAULT_BUFFER_SECONDS = 30;
const FIRST_GUESS_BPS = 4_000_000;
const REMEMBERED = "matinee.bandwidth";
const ATTEMPTS = 7;

export interface Segment {
  url: string;
  edge: string | null;
  at: number;
  bytes: number;
  milliseconds: number;
}

export type Trouble = { kind: "searching"; sentence: string } | { kind: "none" } | { kind: "lost"; sentence: string };

interface StreamHooks {
  onEdge(from: string | null, to: string): void;
  onTrouble(trouble: Trouble): void;
  onLevels(): void;
}

const policy = (longestMs: number): LoadPolicy => ({
  default: {
    maxTimeToFirstByteMs: SILENCE_MS,
    maxLoadTimeMs: longestMs,
    timeoutRetry: { maxNumRetry: 0, retryDelayMs: 0, maxRetryDelayMs: 0 },
    errorRetry: { maxNumRetry: 1, retryDelayMs: 200, maxRetryDelayMs: 200 },
  },
});

/** What to ask of hls.js for one playback. */
export function settings(playback: Playback, titleId: string, addresses: Addresses): Partial<HlsConfig> {
  const asked = Number(new URLSearchParams(location.search).get("buffer"));
  const goal = asked > 0 ? asked : DEFAULT_BUFFER_SECONDS;
  const remembered = Number(localStorage.getItem(REMEMBERED));
  return {
    maxBufferLength: goal,
    maxMaxBufferLength: asked > 0 ? asked : 2 * goal,
    backBufferLength: DEFAULT_BUFFER_SECONDS,
    // The first segment is chosen by the last known bandwidth, not by a test download that is thrown away.
    startLevel: -1,
    testBandwidth: false,
    abrEwmaDefaultEstimate: remembered > 0 ? remembered : FIRST_GUESS_BPS,
    capLevelToPlayerSize: true,
    preserveManualLevelOnError: true,
    errorPenaltyExpireMs: 20_000,
    // Fragmented MP4 passes through as it is: a worker would only copy it.
    enableWorker: false,
    errorController: EdgeFailover,
    fLoader: WatchedLoader as unknown as NonNullable<HlsConfig["fLoader"]>,
    fragLoadPolicy: policy(60_000),
    playlistLoadPolicy: policy(8000),
    // Manifest and steering come from the service itself, which has no second address: a little more patience.
    manifestLoadPolicy: {
      default: {
        maxTimeToFirstByteMs: 5000,
        maxLoadTimeMs: 10_000,
        timeoutRetry: { maxNumRetry: 1, retryDelayMs: 0, maxRetryDelayMs: 0 },
        errorRetry: { maxNumRetry: 2, retryDelayMs: 300, maxRetryDelayMs: 1000 },
      },
    },
    steeringManifestLoadPolicy: policy(4000),
    xhrSetup: (request, url) => {
      const current = addresses.current(url);
      if (current !== url) request.open("GET", current, true);
    },
    // CTA-5004-A: one session a playback; requests tell the edge, events tell the service.
    cmcd: {
      version: 2,
      sessionId: playback.playback_id,
      contentId: titleId,
      eventTargets: [{ url: "/api/v1/cmcd", version: 2, events: ["ps", "e", "t", "rr"], interval: 10, batchSize: 8 }],
    },
  };
}

export class Stream {
  hls: Hls | null = null;
  readonly segments: Segment[] = [];
  edge: string | null = null;
  private attempts = 0;
  private mended = 0;
  private renewing = false;
  private quality = -1;

  constructor(
    readonly video: HTMLVideoElement,
    readonly addresses: Addresses,
    private readonly titleId: string,
    private readonly hooks: StreamHooks,
  ) {
    video.addEventListener("timeupdate", () => {
      // Playing again: earlier trouble is over.
      if (this.attempts > 0 && !video.paused && video.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA) {
        this.attempts = 0;
        this.hooks.onTrouble({ kind: "none" });
      }
    });
  }

  /** Which pathway the player is on: hls.js's, which is the edge's id; null while it is not known. */
  get pathway(): string | null {
    const hls = this.hls;
    return hls?.levels[hls.loadLevel]?.pathwayId ?? hls?.levels[0]?.pathwayId ?? null;
  }

  get bufferSeconds(): number {
    const { buffered, currentTime } = this.video;
    for (let part = 0; part < buffered.length; part++) {
      if (buffered.start(part) <= currentTime + 0.1 && currentTime < buffered.end(part)) {
        return buffered.end(part) - currentTime;
      }
    }
    return 0;
  }

  /** Begin at a second. Chromium claims to play HLS by itself and then has no pathways: hls.js is asked first. */
  open(positionSeconds: number, address = this.addresses.playback.hls_url): void {
    if (Hls.isSupported()) {
      this.build(address, positionSeconds);
    } else if (this.video.canPlayType("application/vnd.apple.mpegurl")) {
      this.video.src = address;
      this.video.addEventListener("loadedmetadata", () => (this.video.currentTime = positionSeconds), { once: true });
      this.video.addEventListener("error", () => void this.renewNative(), { once: true });
    } else {
      this.hooks.onTrouble({
        kind: "lost",
        sentence: "This browser cannot play films: it lacks Media Source Extensions.",
      });
    }
  }

  /** A rung by its place in `hls.levels`, or -1 for automatic. */
  choose(level: number): void {
    this.quality = level;
    if (this.hls) this.hls.nextLevel = level;
  }

  /** Try again from where the film stands, for the button on the trouble card. */
  retry(): void {
    this.attempts = 0;
    void this.rebuild("");
  }

  close(): void {
    this.hls?.destroy();
    this.hls = null;
  }

  private build(address: string, positionSeconds: number): void {
    this.hls?.destroy();
    const hls = new Hls({
      ...settings(this.addresses.playback, this.titleId, this.addresses),
      startPosition: positionSeconds,
    });
    this.hls = hls;
    hls.on(Events.MANIFEST_PARSED, () => {
      if (this.quality >= 0 && this.quality < hls.levels.length) hls.nextLevel = this.quality;
      this.hooks.onLevels();
    });
    hls.on(Events.LEVELS_UPDATED, () => this.hooks.onLevels());
    hls.on(Events.LEVEL_SWITCHED, () => this.hooks.onLevels());
    hls.on(Events.FRAG_LOADED, (_event, data) => {
      const url = this.addresses.current(data.frag.url);
      const { loading, total } = data.frag.stats;
      const edge = this.addresses.edge(url);
      this.segments.push({ url, edge, at: Date.now(), bytes: total, milliseconds: loading.end - loading.start });
      if (data.frag.type === "main") {
        this.cameFrom(edge);
        if (hls.bandwidthEstimate > 0) localStorage.setItem(REMEMBERED, String(Math.round(hls.bandwidthEstimate)));
      }
    });
    hls.on(Events.ERROR, (_event, data) => {
      if (data.response?.code === 403) void this.renew();
      if (!data.fatal) return;
      if (data.type === ErrorTypes.MEDIA_ERROR && performance.now() - this.mended > 5000) {
        this.mended = performance.now();
        hls.recoverMediaError();
        return;
      }
      const nobody =
        data.details === ErrorDetails.MANIFEST_LOAD_ERROR ? "The film's manifest could not be loaded." : "";
      void this.rebuild(nobody || `The film could not be loaded (${data.details}).`);
    });
    hls.attachMedia(this.video);
    hls.loadSource(address);
  }

  private cameFrom(edge: string | null): void {
    if (edge === null || edge === this.edge) return;
    const before = this.edge;
    this.edge = edge;
    this.hooks.onEdge(before, edge);
  }

  /** New tokens for the same edges: requests from now on carry them, the buffer stays. False if none were given. */
  private async renew(): Promise<boolean> {
    if (this.renewing) return false;
    this.renewing = true;
    try {
      this.addresses.renew(await renewPlayback(this.addresses.playback.playback_id));
      this.hls?.startLoad();
      return true;
    } catch (error) {
      if (error instanceof Refusal && [401, 403, 404].includes(error.status)) {
        this.attempts = ATTEMPTS;
        this.hooks.onTrouble({ kind: "lost", sentence: error.message });
      }
      return false;
    } finally {
      // Not again at once: an edge that refuses fresh tokens has another reason.
      setTimeout(() => (this.renewing = false), 3000);
    }
  }

  /**
   * After an error that hls.js gives up on: wait a little longer each time, ask the service for fresh addresses and
   * order of edges, and begin again at the same second. If the service itself is gone, each edge's own manifest is left.
   */
  private async rebuild(sentence: string): Promise<void> {
    const { video, addresses } = this;
    this.attempts += 1;
    if (this.attempts > ATTEMPTS) {
      this.hooks.onTrouble({ kind: "lost", sentence });
      return;
    }
    const attempt = this.attempts;
    this.hooks.onTrouble({ kind: "searching", sentence: "Looking for an edge that answers" });
    if (attempt > 1) await new Promise((resolve) => setTimeout(resolve, Math.min(250 * 2 ** attempt, 8000)));
    if (!navigator.onLine) await new Promise((resolve) => addEventListener("online", resolve, { once: true }));
    const position = video.currentTime;
    const playing = !video.paused;
    let address = addresses.playback.hls_url;
    try {
      addresses.renew(await renewPlayback(addresses.playback.playback_id));
      address = addresses.playback.hls_url;
    } catch {
      const edges = addresses.playback.edges;
      const edge = edges[(attempt - 1) % Math.max(edges.length, 1)];
      if (edge) address = `${edge.url}master.m3u8`;
    }
    this.build(address, position);
    if (playing) void video.play().catch(() => undefined);
  }

  private async renewNative(): Promise<void> {
    const position = this.video.currentTime;
    try {
      this.addresses.renew(await renewPlayback(this.addresses.playback.playback_id));
      this.open(position);
      void this.video.play().catch(() => undefined);
    } catch (error) {
      this.hooks.onTrouble({ kind: "lost", sentence: (error as Error).message });
    }
  }
}
