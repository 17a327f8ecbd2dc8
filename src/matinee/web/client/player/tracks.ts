// Sound and subtitles: what a film has, in words, and what this browser's person last chose, kept from film to film.
import type Hls from "hls.js";
import type { MediaPlaylist } from "hls.js";
import type { Choice } from "./menu";
import type { Stream } from "./stream";

/** The place of no subtitles at all, as hls.js counts. */
export const OFF = -1;
const SOUND = "matinee.sound";
const SUBTITLES = "matinee.subtitles";

/** A choice that outlives the film it was made in. */
interface Wish {
  language: string;
  name: string;
  channels: string;
}

/** The track of a film that comes nearest to a wish: the same in every respect, or at least in its language. */
export function nearest(tracks: readonly Partial<Wish>[], wish: Wish | null): number {
  if (!wish) return -1;
  const alike = (track: Partial<Wish>) =>
    Number(track.name === wish.name) * 2 + Number((track.channels ?? "") === wish.channels);
  let best = -1;
  for (const [place, track] of tracks.entries()) {
    if ((track.language ?? "") !== wish.language) continue;
    if (best < 0 || alike(track) > alike(tracks[best] ?? {})) best = place;
  }
  return best;
}

/** What people call a track. Its name is the source's own, or its language's tag and what it is for. */
export function called(name: string, language: string | undefined, names: Intl.DisplayNames): string {
  if (!language) return name.charAt(0).toUpperCase() + name.slice(1);
  let spoken: string | undefined;
  try {
    spoken = names.of(language);
  } catch {
    // Not a tag: as it is.
  }
  spoken = spoken ?? language;
  if (name === language || name.startsWith(`${language} `)) return spoken + name.slice(language.length);
  return `${spoken} · ${name}`;
}

const facts = (track: MediaPlaylist): Wish => ({
  language: track.lang ?? "",
  name: track.name,
  channels: track.channels ?? "",
});

function recall(key: string): Wish | null {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "null");
  } catch {
    return null;
  }
}

export class Tracks {
  private readonly names = new Intl.DisplayNames([document.documentElement.lang || "en"], { type: "language" });

  constructor(private readonly stream: Stream) {}

  sounds(): Choice[] {
    return this.told(this.stream.hls?.audioTracks ?? []);
  }

  /** Subtitles that one may ask for; those that translate a few words come without being asked. */
  texts(): Choice[] {
    const tracks = this.stream.hls?.subtitleTracks ?? [];
    return this.told(tracks).filter(([place]) => !tracks[place]?.forced);
  }

  /** The subtitles on the screen that were asked for. */
  shown(): number {
    const hls = this.stream.hls;
    if (!hls?.subtitleDisplay) return OFF;
    return hls.subtitleTracks[hls.subtitleTrack]?.forced ? OFF : hls.subtitleTrack;
  }

  hear(place: number): void {
    const hls = this.stream.hls;
    const track = hls?.audioTracks[place];
    if (!hls || !track) return;
    localStorage.setItem(SOUND, JSON.stringify(facts(track)));
    hls.audioTrack = place;
    this.settleText(hls);
  }

  show(place: number): void {
    const hls = this.stream.hls;
    if (!hls) return;
    const track = hls.subtitleTracks[place];
    localStorage.setItem(SUBTITLES, JSON.stringify(track ? facts(track) : null));
    this.settleText(hls);
  }

  /** The key: what was shown goes, or what was last shown comes, or else the first. */
  toggle(): string | null {
    const texts = this.texts();
    if (texts.length === 0) return null;
    const last = this.last;
    if (this.shown() !== OFF) {
      this.last = recall(SUBTITLES);
      this.show(OFF);
      return "Subtitles off";
    }
    const tracks = (this.stream.hls?.subtitleTracks ?? []).map(facts);
    const wanted = nearest(tracks, last);
    const [place, name] = texts.find(([one]) => one === wanted) ?? texts[0] ?? [OFF, ""];
    this.show(place);
    return name;
  }

  /** The film is open, or its edge changed: hear and show what was chosen before. */
  settle(): void {
    // After hls.js itself, which chooses once it has told what there is.
    setTimeout(() => this.choose(), 0);
  }

  private choose(): void {
    const hls = this.stream.hls;
    if (!hls) return;
    const wanted = nearest(hls.audioTracks.map(facts), recall(SOUND));
    if (wanted >= 0 && wanted !== hls.audioTrack) hls.audioTrack = wanted;
    this.settleText(hls);
  }

  private last: Wish | null = recall(SUBTITLES);

  private settleText(hls: Hls): void {
    const tracks = hls.subtitleTracks;
    if (tracks.length === 0) return;
    const asked = nearest(
      tracks.map((track) => (track.forced ? {} : facts(track))),
      recall(SUBTITLES),
    );
    const heard = hls.audioTracks[hls.audioTrack]?.lang;
    const forced = heard ? tracks.findIndex((track) => track.forced && track.lang === heard) : OFF;
    const wanted = asked >= 0 ? asked : forced;
    // What is taken off stays loaded and hidden: put on again, it is there at once.
    hls.subtitleDisplay = wanted !== OFF;
    if (wanted !== OFF && wanted !== hls.subtitleTrack) hls.subtitleTrack = wanted;
  }

  private told(tracks: readonly MediaPlaylist[]): Choice[] {
    return tracks.map((track, place): Choice => [place, called(track.name, track.lang, this.names)]);
  }
}
