// Which of a film's codecs this browser plays: one for the whole film, the one with the fewest bits that costs no more.
import type Hls from "hls.js";
import type { Level } from "hls.js";

/** What is asked about: 1080p at 30 frames a second, as the films of this service are at most. */
const ASKED = [
  ["av01", 'video/mp4; codecs="av01.0.08M.10"'],
  ["hvc1", 'video/mp4; codecs="hvc1.2.4.L120.90"'],
] as const;
const FLOOR = ["avc1", 'video/mp4; codecs="avc1.640028"'] as const;
const PATIENCE_MS = 500;

/** The kind of a codec string, its sample entry: "av01" of "av01.0.08M.10". */
const kindOf = (codec: string | undefined): string => (codec ?? "").slice(0, FLOOR[0].length);

async function decoding(contentType: string): Promise<MediaCapabilitiesDecodingInfo | null> {
  const video = { contentType, width: 1920, height: 1080, bitrate: 6_000_000, framerate: 30 };
  try {
    return await navigator.mediaCapabilities.decodingInfo({ type: "media-source", video });
  } catch {
    return null; // a browser without the question, or one that does not know the codec's name
  }
}

async function ask(): Promise<string[]> {
  const [floor, ...others] = await Promise.all([FLOOR, ...ASKED].map(([, type]) => decoding(type)));
  const wanted = ASKED.filter((_, place) => {
    const info = others[place];
    // A chip that decodes H.264 by itself is not left idle for a processor that would empty the battery.
    return info?.supported && info.smooth && (info.powerEfficient || !floor?.powerEfficient);
  });
  return [...wanted.map(([kind]) => kind), FLOOR[0]];
}

/** The kinds of codecs, best first; H.264, which everything plays, is the last. Within half a second, or it alone. */
export async function preferredCodecs(): Promise<string[]> {
  const late = new Promise<string[]>((resolve) => setTimeout(() => resolve([FLOOR[0]]), PATIENCE_MS));
  return Promise.race([ask(), late]);
}

/** Tell hls.js which of a film's codecs to begin with and stay at; high dynamic range for screens that have it. */
export function settle(hls: Hls, preferred: string[]): void {
  const isHigh = matchMedia("(dynamic-range: high)").matches;
  const shown = hls.levels.filter((level) => isHigh || level.videoRange === "SDR");
  const kind = preferred.find((one) => shown.some((level) => kindOf(level.videoCodec) === one));
  const chosen = shown.find((level) => kindOf(level.videoCodec) === kind);
  if (kind === undefined || chosen === undefined) return; // hls.js knows best about what we do not make
  hls.config.videoPreference = {
    videoCodec: kind,
    preferHDR: chosen.videoRange !== "SDR",
    allowedVideoRanges: [chosen.videoRange],
  };
}

/** Whether a rung is of the codec that plays: others are none to change to in the middle of a film. */
export function isOfPlaying(hls: Hls, level: Level): boolean {
  const playing = hls.levels[hls.currentLevel] ?? hls.levels[hls.loadLevel];
  const kind = playing ? kindOf(playing.videoCodec) : hls.config.videoPreference?.videoCodec;
  return kind === undefined || kindOf(level.videoCodec) === kind;
}
