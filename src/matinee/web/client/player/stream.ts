// hls.js, set so that it starts quickly, changes edges without a stall and comes back from what hls.js calls fatal.
import Hls, { ErrorDetails, ErrorTypes, Events } from "hls.js";
import { preferredCodecs, settle } from "./codecs";
import { pardon, TOKEN_REFUSED } from "./failover";
import type { Addresses } from "./playback";
import { type Remedy, Renewal, verdictOf } from "./renewal";
import { goalFor, remember, settings } from "./settings";

const ATTEMPTS = 10;
const ATTEMPTS_IN_PLACE = 5;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 4000;

export interface Segment {
  url: string;
  edge: string | null;
  at: number;
  bytes: number;
  milliseconds: number;
}

export type Trouble = { kind: "searching" } | { kind: "none" } | { kind: "lost"; sentence: string; remedy: Remedy };

interface StreamHooks {
  onEdge(from: string | null, to: string): void;
  onTrouble(trouble: Trouble): void;
  onLevels(): void;
  /** How many seconds a playlist has, and whether more will come. */
  onExtent(seconds: number, growing: boolean): void;
  /** Sound or subtitles came, or others are heard and shown; `anew`: what was chosen before is to be chosen again. */
  onTracks(anew: boolean): void;
}

export class Stream {
  hls: Hls | null = null;
  readonly segments: Segment[] = [];
  edge: string | null = null;
  private attempts = 0;
  private mended = 0;
  private recovering = false;
  /** hls.js waits for new tokens and loads nothing. */
  private starved = false;
  private readonly renewal: Renewal;
  /** Where the film stands, also while the video element has been emptied. */
  private position = 0;
  private settled = false;
  private quality = -1;
  private codecs: string[] = [];

  constructor(
    readonly video: HTMLVideoElement,
    readonly addresses: Addresses,
    private readonly titleId: string,
    private readonly hooks: StreamHooks,
  ) {
    this.renewal = new Renewal(
      addresses,
      () => video.paused,
      () => void this.renew(),
    );
    video.addEventListener("loadeddata", () => {
      this.settled = true;
    });
    video.addEventListener("seeking", () => {
      if (this.settled) this.position = video.currentTime;
      this.freshen();
    });
    video.addEventListener("play", () => this.freshen());
    video.addEventListener("timeupdate", () => {
      if (video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) this.position = video.currentTime;
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
    this.renewal.keep();
    if (Hls.isSupported()) {
      void preferredCodecs().then((codecs) => {
        this.codecs = codecs;
        this.build(address, positionSeconds);
      });
    } else if (this.video.canPlayType("application/vnd.apple.mpegurl")) {
      this.video.src = address;
      this.video.addEventListener("loadedmetadata", () => (this.video.currentTime = positionSeconds), { once: true });
      this.video.addEventListener("error", () => void this.renewNative(), { once: true });
    } else {
      this.hooks.onTrouble({
        kind: "lost",
        sentence: "This browser cannot play films: it lacks Media Source Extensions.",
        remedy: "again",
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
    void this.recover("");
  }

  close(): void {
    this.renewal.stop();
    this.hls?.destroy();
    this.hls = null;
  }

  /** Somebody comes back to a film whose tokens ended meanwhile: renewed before the first segment is asked for. */
  private freshen(): void {
    if (!this.renewal.due) return;
    if (this.addresses.playback.endsAt <= Date.now()) {
      // Nothing is asked for meanwhile: on a busy machine hls.js is quicker than the renewal.
      this.hls?.stopLoad();
      this.starved = true;
    }
    void this.renew();
  }

  private build(address: string, positionSeconds: number): void {
    // A new source pauses an element that was told to play a moment ago, or that played another.
    const playing = !this.video.paused;
    this.hls?.destroy();
    this.settled = false;
    this.position = positionSeconds;
    const hls = new Hls({
      ...settings(this.addresses.playback, this.titleId, this.addresses),
      startPosition: positionSeconds,
    });
    this.hls = hls;
    hls.on(Events.MANIFEST_PARSED, () => {
      settle(hls, this.codecs);
      if (this.quality >= 0 && this.quality < hls.levels.length) hls.nextLevel = this.quality;
      this.hooks.onLevels();
    });
    hls.on(Events.LEVEL_LOADED, (_event, data) => {
      const goal = goalFor(data.details.targetduration);
      if (goal !== null) Object.assign(hls.config, { maxBufferLength: goal, maxMaxBufferLength: goal });
      const { edge, live } = data.details;
      this.hooks.onExtent(edge, live);
      // Where the film was left has not arrived again yet: what comes nearest.
      if (live && !this.settled && this.position > edge) {
        this.position = Math.max(edge - 2 * data.details.targetduration, 0);
        hls.startLoad(this.position);
      }
    });
    for (const came of [Events.AUDIO_TRACKS_UPDATED, Events.SUBTITLE_TRACKS_UPDATED] as const) {
      hls.on(came, () => this.hooks.onTracks(true));
    }
    for (const changed of [Events.AUDIO_TRACK_SWITCHED, Events.SUBTITLE_TRACK_SWITCH] as const) {
      hls.on(changed, () => this.hooks.onTracks(false));
    }
    hls.on(Events.LEVELS_UPDATED, () => this.hooks.onLevels());
    hls.on(Events.LEVEL_SWITCHED, () => this.hooks.onLevels());
    hls.on(Events.FRAG_LOADED, (_event, data) => {
      const url = this.addresses.current(data.frag.url);
      const { loading, total } = data.frag.stats;
      const edge = this.addresses.edge(url);
      this.segments.push({ url, edge, at: Date.now(), bytes: total, milliseconds: loading.end - loading.start });
      if (data.frag.type === "main") {
        if (this.attempts > 0) this.hooks.onTrouble({ kind: "none" });
        this.attempts = 0;
        this.cameFrom(edge);
        remember(hls.bandwidthEstimate);
      }
    });
    hls.on(Events.ERROR, (_event, data) => {
      if (!data.fatal) {
        if (data.response?.code === TOKEN_REFUSED) void this.refused(data.networkDetails);
        return;
      }
      if (data.type === ErrorTypes.MEDIA_ERROR && performance.now() - this.mended > 5000) {
        this.mended = performance.now();
        hls.recoverMediaError();
        return;
      }
      const nobody =
        data.details === ErrorDetails.MANIFEST_LOAD_ERROR ? "The film's manifest could not be loaded." : "";
      void this.recover(nobody || `The film could not be loaded (${data.details}).`);
    });
    hls.attachMedia(this.video);
    hls.loadSource(address);
    if (playing) void this.video.play().catch(() => undefined);
  }

  private cameFrom(edge: string | null): void {
    if (edge === null || edge === this.edge) return;
    const before = this.edge;
    this.edge = edge;
    this.hooks.onEdge(before, edge);
  }

  /** An edge refused a token, and hls.js loads no more until it is told to. `request` is what was refused. */
  private async refused(request: unknown): Promise<void> {
    this.starved = true;
    const url = request instanceof XMLHttpRequest ? request.responseURL : "";
    if (this.addresses.isNewest(url)) await this.renewal.pause();
    // One that left before the last renewal and was answered after it: the new tokens are here.
    else if (url && !this.renewal.due) return this.loadOn();
    await this.renew();
  }

  /** New tokens for the same edges: requests from now on carry them, the buffer stays. */
  private async renew(): Promise<void> {
    const encode = this.addresses.encode;
    try {
      await this.renewal.now();
    } catch (error) {
      // Until an edge refuses them the old ones may still hold.
      if (this.starved) this.giveUp(error);
      return;
    }
    if (this.addresses.encode !== encode) {
      // Encoded anew during the pause. Segments of two encodes do not fit together.
      this.starved = false;
      this.build(this.addresses.playback.hls_url, this.position);
    } else this.loadOn();
  }

  private loadOn(): void {
    if (this.starved) this.hls?.startLoad();
    this.starved = false;
  }

  private giveUp(error: unknown): void {
    if (!this.isOver(error)) void this.recover((error as Error).message);
  }

  /** Whether the service renews no more. The picture stands still then, so that it is seen where the film ended. */
  private isOver(error: unknown): boolean {
    const verdict = verdictOf(error);
    if (verdict === null) return false;
    this.hls?.stopLoad();
    this.video.pause();
    this.hooks.onTrouble({ kind: "lost", ...verdict });
    return true;
  }

  /**
   * After an error that hls.js gives up on: wait a little longer each time, ask the service for fresh addresses and
   * order of edges, and load on from there. What is in the buffer plays meanwhile. Only if that does not help is the
   * player made anew at the same second; if the service is gone too, from an edge's own manifest.
   */
  private async recover(sentence: string): Promise<void> {
    if (this.recovering) return;
    this.attempts += 1;
    if (this.attempts > ATTEMPTS) {
      this.hooks.onTrouble({ kind: "lost", sentence, remedy: "again" });
      return;
    }
    this.recovering = true;
    const attempt = this.attempts;
    this.hooks.onTrouble({ kind: "searching" });
    await new Promise((resolve) => setTimeout(resolve, Math.min(FIRST_WAIT_MS * 2 ** attempt, LONGEST_WAIT_MS)));
    if (!navigator.onLine) await new Promise((resolve) => addEventListener("online", resolve, { once: true }));
    const { addresses, hls } = this;
    let address = "";
    try {
      await this.renewal.now();
      address = addresses.playback.hls_url;
    } catch (error) {
      if (this.isOver(error)) {
        this.recovering = false;
        return;
      }
      const { edges, hls_url } = addresses.playback;
      const edge = edges[(attempt - 1) % Math.max(edges.length, 1)];
      address = edge ? `${edge.url}master.m3u8` : hls_url;
    }
    this.recovering = false;
    this.starved = false;
    if (hls && hls.levels.length > 0 && attempt <= ATTEMPTS_IN_PLACE) {
      pardon(
        hls,
        addresses.playback.edges.map((edge) => edge.id),
      );
      hls.startLoad();
      return;
    }
    this.build(address, this.position);
  }

  private async renewNative(): Promise<void> {
    const position = this.video.currentTime;
    try {
      await this.renewal.now();
      this.open(position);
      void this.video.play().catch(() => undefined);
    } catch (error) {
      if (!this.isOver(error))
        this.hooks.onTrouble({ kind: "lost", sentence: (error as Error).message, remedy: "again" });
    }
  }
}
