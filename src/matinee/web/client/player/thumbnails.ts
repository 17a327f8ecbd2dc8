// Small pictures of the film for the scrub bar: a WebVTT file whose cues name a region of a sprite
// (media fragments, https://www.w3.org/TR/media-frags/#naming-space).
import type { Addresses } from "./playback";

export interface Thumbnail {
  from: number;
  to: number;
  url: string;
  x: number;
  y: number;
  width: number;
  height: number;
}

const TIMING = /^(?:(\d+):)?(\d{2}):(\d{2}\.\d{3})\s+-->\s+(?:(\d+):)?(\d{2}):(\d{2}\.\d{3})/;
const REGION = /^(.*)#xywh=(?:pixel:)?(\d+),(\d+),(\d+),(\d+)$/;

export function parseThumbnails(text: string, folder: string): Thumbnail[] {
  const found: Thumbnail[] = [];
  for (const block of text.split(/\r?\n\r?\n/)) {
    const lines = block.split(/\r?\n/);
    const at = lines.findIndex((line) => TIMING.test(line));
    const time = TIMING.exec(lines[at] ?? "");
    const region = REGION.exec(lines[at + 1]?.trim() ?? "");
    if (!time || !region) continue;
    const seconds = (hour: number) =>
      Number(time[hour] ?? 0) * 3600 + Number(time[hour + 1]) * 60 + Number(time[hour + 2]);
    const [x, y, width, height] = region.slice(2).map(Number) as [number, number, number, number];
    found.push({ from: seconds(1), to: seconds(4), url: new URL(region[1] ?? "", folder).href, x, y, width, height });
  }
  return found;
}

export class Thumbnails {
  private pictures: Thumbnail[] = [];

  constructor(private readonly addresses: Addresses) {}

  /** Fetch from the edge that plays, else from the others; without any the scrub bar shows times alone. */
  async load(edgeId: string | null): Promise<void> {
    const folders = [this.addresses.folder(edgeId), ...this.addresses.playback.edges.map((edge) => edge.url)];
    for (const folder of new Set(folders)) {
      if (folder === null) continue;
      try {
        const answer = await fetch(`${folder}thumbnails.vtt`, { signal: AbortSignal.timeout(5000) });
        if (!answer.ok) continue;
        this.pictures = parseThumbnails(await answer.text(), folder);
        // Warm the first sprite, so that the first hover shows a picture.
        if (this.pictures[0]) new Image().src = this.pictures[0].url;
        return;
      } catch {
        // The next edge may answer.
      }
    }
  }

  at(seconds: number): Thumbnail | null {
    const found = this.pictures.find((picture) => seconds >= picture.from && seconds < picture.to);
    const picture = found ?? this.pictures.at(-1);
    return picture ? { ...picture, url: this.addresses.current(picture.url) } : null;
  }
}
