// What is asked of hls.js: a quick start, a small and a large buffer, little patience with a silent edge.
import type { HlsConfig, LoadPolicy } from "hls.js";
import { EdgeFailover, EdgeSteering, SILENCE_MS, WatchedLoader } from "./failover";
import type { Addresses, Playback } from "./playback";

const BUFFER_SECONDS = 30;
const SHORTEST_BUFFER_SECONDS = 2;
const FIRST_GUESS_BPS = 4_000_000;
// However fast the last film came, the next one's first segment is none that a slow evening would choke on.
const BOLDEST_GUESS_BPS = 8_000_000;
const REMEMBERED = "matinee.bandwidth";
// What the service learns of each request and state; addresses hold tokens and stay here.
const TOLD = "ab bl br bs bsa bsd bsda cid e ec msd mtp ot pr rc sf sid sn st sta ts ttfb ttlb v".split(
  " ",
) as CmcdKey[];

const policy = (longestMs: number): LoadPolicy => ({
  default: {
    maxTimeToFirstByteMs: SILENCE_MS,
    maxLoadTimeMs: longestMs,
    timeoutRetry: { maxNumRetry: 0, retryDelayMs: 0, maxRetryDelayMs: 0 },
    errorRetry: { maxNumRetry: 1, retryDelayMs: 200, maxRetryDelayMs: 200 },
  },
});

type CmcdKey = NonNullable<NonNullable<HlsConfig["cmcd"]>["includeKeys"]>[number];

/** The most seconds that `?buffer=` lets the player hold ready; null: as many as is good. */
function askedBuffer(): number | null {
  const asked = Number(new URLSearchParams(location.search).get("buffer"));
  return asked > 0 ? asked : null;
}

/**
 * How far ahead hls.js may plan so that never more than was asked for is ready; null: nothing was asked. It begins a
 * segment while less than its goal is ready, and so holds up to a segment more.
 */
export function goalFor(segmentSeconds: number): number | null {
  const asked = askedBuffer();
  return asked === null ? null : Math.max(asked - segmentSeconds, SHORTEST_BUFFER_SECONDS);
}

/** Keep the measured bandwidth for the start of the next film. */
export function remember(bandwidthBps: number): void {
  if (bandwidthBps > 0) localStorage.setItem(REMEMBERED, String(Math.round(bandwidthBps)));
}

function guessBps(): number {
  const remembered = Number(localStorage.getItem(REMEMBERED));
  return remembered > 0 ? Math.min(remembered, BOLDEST_GUESS_BPS) : FIRST_GUESS_BPS;
}

/** The settings of one playback. */
export function settings(playback: Playback, titleId: string, addresses: Addresses): Partial<HlsConfig> {
  const asked = askedBuffer();
  const goal = asked ?? BUFFER_SECONDS;
  return {
    maxBufferLength: goal,
    maxMaxBufferLength: asked ?? 2 * goal,
    backBufferLength: BUFFER_SECONDS,
    // The first segment is chosen by the last known bandwidth, not by a test download that is thrown away.
    startLevel: -1,
    testBandwidth: false,
    abrEwmaDefaultEstimate: guessBps(),
    capLevelToPlayerSize: true,
    preserveManualLevelOnError: true,
    errorPenaltyExpireMs: 20_000,
    // Fragmented MP4 passes through as it is: a worker would only copy it.
    enableWorker: false,
    errorController: EdgeFailover,
    contentSteeringController: EdgeSteering,
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
      eventTargets: [
        {
          url: "/api/v1/cmcd",
          version: 2,
          events: ["ps", "e", "t", "rr"],
          interval: 10,
          batchSize: 8,
          includeKeys: TOLD,
        },
      ],
    },
  };
}
