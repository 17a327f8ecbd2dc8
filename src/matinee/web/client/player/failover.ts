// What makes a killed and a hung edge cost no stall: silence is noticed within two seconds, a network failure condemns
// the edge rather than one rung of its ladder, and the buffer outlasts both.

import type Hls from "hls.js";
import {
  ContentSteeringController,
  ErrorActionFlags,
  ErrorController,
  type ErrorData,
  ErrorDetails,
  Events,
  type FragmentLoaderContext,
  type HlsConfig,
  type Loader,
  type LoaderCallbacks,
  type LoaderConfiguration,
  NetworkErrorAction,
  type SteeringManifestLoadedData,
  XhrLoader,
} from "hls.js";
import { hostOf } from "./playback";

/** Longest wait for a first byte, and between two bytes. An edge streams while it fills, so even a miss is quicker. */
export const SILENCE_MS = 2000;
const LOOK_EVERY_MS = 250;
/** How long an edge that failed is left alone, while steering still names it. */
const FORGIVEN_MS = 30_000;
/** What an edge answers to a token that has expired, or whose key was retired. */
export const TOKEN_REFUSED = 403;
/** An edge that refuses so often, with new tokens in between, is itself at fault. */
const REFUSALS = 4;

const OF_THE_NETWORK: ReadonlySet<string> = new Set([
  ErrorDetails.FRAG_LOAD_ERROR,
  ErrorDetails.FRAG_LOAD_TIMEOUT,
  ErrorDetails.LEVEL_LOAD_ERROR,
  ErrorDetails.LEVEL_LOAD_TIMEOUT,
  ErrorDetails.AUDIO_TRACK_LOAD_ERROR,
  ErrorDetails.AUDIO_TRACK_LOAD_TIMEOUT,
]);

export function isOfTheNetwork(details: string): boolean {
  return OF_THE_NETWORK.has(details);
}

/**
 * hls.js answers a failed segment by trying the ladder's other rungs, all of them at the same dead edge, each worth a
 * timeout. Here the whole pathway goes to the penalty box at once and content steering takes the next
 * (draft-pantos-hls-rfc8216bis §7.4).
 */
export class EdgeFailover extends ErrorController {
  private refusals = 0;

  constructor(private readonly player: Hls) {
    super(player);
    player.on(Events.FRAG_LOADED, this.forgive, this);
    // Registered right after the parent's own listener and before content steering's, which reads the action.
    player.on(Events.ERROR, this.condemn, this);
  }

  override destroy(): void {
    this.player.off(Events.FRAG_LOADED, this.forgive, this);
    this.player.off(Events.ERROR, this.condemn, this);
    super.destroy();
  }

  private forgive(): void {
    this.refusals = 0;
  }

  private condemn(_event: Events.ERROR, data: ErrorData): void {
    const action = data.errorAction;
    if (data.fatal || !isOfTheNetwork(data.details) || action?.action !== NetworkErrorAction.SendAlternateToPenaltyBox)
      return;
    if (data.response?.code === TOKEN_REFUSED && this.refusals < REFUSALS) {
      this.refusals += 1;
      // Not the edge's fault: the stream fetches new tokens and starts loading again.
      data.errorAction = { action: NetworkErrorAction.DoNothing, flags: ErrorActionFlags.None, resolved: true };
      return;
    }
    const failed = hostOf(data.frag?.url ?? data.context?.url ?? data.url ?? "");
    const level = this.player.levels[this.player.loadLevel];
    // Of a film that still arrives the playlists come from the service and the segments from edges.
    const current = hostOf((data.frag && level?.details?.fragments[0]?.url) ?? level?.uri ?? "");
    if (failed && current && failed !== current) {
      // Sound and picture fail together. The second failure must not condemn the edge that the first one moved to.
      data.errorAction = {
        action: NetworkErrorAction.SendAlternateToPenaltyBox,
        flags: ErrorActionFlags.None,
        retryConfig: { maxNumRetry: 1, retryDelayMs: 0, maxRetryDelayMs: 0 },
        retryCount: 0,
        resolved: true,
      };
      return;
    }
    action.flags = ErrorActionFlags.MoveAllAlternatesMatchingHost;
    delete action.nextAutoLevel;
  }
}

/**
 * hls.js shuns a pathway that failed for five minutes and forgives none before, though an edge may be back in seconds.
 * Here one that steering still names is tried again after half a minute, later each time it fails anew; and when no
 * pathway is left, all are pardoned at once.
 */
export class EdgeSteering extends ContentSteeringController {
  private readonly failures = new Map<string, number>();

  constructor(private readonly player: Hls) {
    super(player);
    steerings.set(player, this);
    // Fired before hls.js applies the order that has just come.
    player.on(Events.STEERING_MANIFEST_LOADED, this.review, this);
  }

  override destroy(): void {
    this.player.off(Events.STEERING_MANIFEST_LOADED, this.review, this);
    super.destroy();
  }

  /** When each shunned pathway failed; hls.js keeps it to itself. */
  private get shunned(): Record<string, number> {
    return (this as unknown as { penalizedPathways: Record<string, number> }).penalizedPathways;
  }

  pardon(): void {
    for (const pathway of Object.keys(this.shunned)) delete this.shunned[pathway];
  }

  private review(_event: Events.STEERING_MANIFEST_LOADED, data: SteeringManifestLoadedData): void {
    for (const pathway of data.steeringManifest["PATHWAY-PRIORITY"]) {
      const since = this.shunned[pathway];
      const failures = this.failures.get(pathway) ?? 0;
      if (since === undefined || performance.now() - since < FORGIVEN_MS * 2 ** failures) continue;
      this.failures.set(pathway, failures + 1);
      delete this.shunned[pathway];
    }
  }
}

const steerings = new WeakMap<Hls, EdgeSteering>();

/** Every edge gets another chance, in this order: what is left to do when none answered. */
export function pardon(player: Hls, order: string[]): void {
  steerings.get(player)?.pardon();
  player.pathwayPriority = order;
}

/** Loads a segment and gives up when bytes stop coming, however much of it has arrived and however long it took. */
export class WatchedLoader implements Loader<FragmentLoaderContext> {
  private readonly inner: Loader<FragmentLoaderContext>;
  private watch = 0;

  constructor(config: HlsConfig) {
    this.inner = new XhrLoader(config) as unknown as Loader<FragmentLoaderContext>;
  }

  get stats() {
    return this.inner.stats;
  }

  get context() {
    return this.inner.context;
  }

  getCacheAge(): number | null {
    return this.inner.getCacheAge?.() ?? null;
  }

  getResponseHeader(name: string): string | null {
    return this.inner.getResponseHeader?.(name) ?? null;
  }

  destroy(): void {
    this.rest();
    this.inner.destroy();
  }

  abort(): void {
    this.rest();
    this.inner.abort();
  }

  load(
    context: FragmentLoaderContext,
    config: LoaderConfiguration,
    callbacks: LoaderCallbacks<FragmentLoaderContext>,
  ): void {
    let loaded = 0;
    let heard = performance.now();
    this.rest();
    this.watch = window.setInterval(() => {
      const stats = this.inner.stats;
      const now = performance.now();
      if (stats.loaded !== loaded || stats.loading.first === 0) {
        // Until the first byte hls.js keeps the time itself (maxTimeToFirstByteMs).
        loaded = stats.loaded;
        heard = now;
      } else if (now - heard > SILENCE_MS) {
        this.rest();
        this.inner.abort();
        callbacks.onTimeout(stats, context, null);
      }
    }, LOOK_EVERY_MS);
    this.inner.load(context, config, {
      ...callbacks,
      onSuccess: (...answer) => {
        this.rest();
        callbacks.onSuccess(...answer);
      },
      onError: (...answer) => {
        this.rest();
        callbacks.onError(...answer);
      },
      onTimeout: (...answer) => {
        this.rest();
        callbacks.onTimeout(...answer);
      },
      onAbort: (...answer) => {
        this.rest();
        callbacks.onAbort?.(...answer);
      },
    });
  }

  private rest(): void {
    clearInterval(this.watch);
    this.watch = 0;
  }
}
