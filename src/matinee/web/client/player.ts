// The watch page: one film, and what wires its parts together.
import type Hls from "hls.js";
import { EventQueue } from "./events";
import { Chapters } from "./player/chapters";
import { clock } from "./player/clock";
import { Controls } from "./player/controls";
import { find } from "./player/elements";
import { Extent } from "./player/extent";
import { announce } from "./player/media_session";
import { Menu } from "./player/menu";
import { Addresses, type Playback, startPlayback } from "./player/playback";
import { type Remedy, verdictOf } from "./player/renewal";
import { Scrub } from "./player/scrub";
import { Passing } from "./player/spans";
import { Stats } from "./player/stats";
import { type Segment, Stream, type Trouble } from "./player/stream";
import { Telemetry } from "./player/telemetry";
import { Thumbnails } from "./player/thumbnails";
import { Tracks } from "./player/tracks";

const STATE_EVERY_MS = 250;
const RESUME_SHOWN_MS = 9000;
const RESUMABLE_SECONDS = 5;

export interface PlayerState {
  playback_id: string;
  title_id: string;
  name: string;
  edge: string | null;
  pathway: string | null;
  buffer_seconds: number;
  bitrate_bps: number | null;
  stalls: number;
  position_seconds: number;
  playing: boolean;
  segments: Segment[];
}

declare global {
  interface Window {
    matinee?: { video: HTMLVideoElement; hls: Hls | null; playback: Playback; state(): PlayerState };
  }
}

const REMEDIES: Record<Remedy, string> = { again: "Try again", anew: "Play", "sign-in": "Sign in" };

const root = find(document, "#player");
const video = find<HTMLVideoElement>(root, "video");
const { titleId = "", profileId = "", name = "", poster = "", back = "/" } = root.dataset;
let remedy: Remedy = "again";

function trouble(now: Trouble): void {
  const card = find(root, "#trouble");
  const searching = find(root, "#searching");
  searching.hidden = now.kind !== "searching";
  card.hidden = now.kind !== "lost";
  if (now.kind !== "lost") return;
  remedy = now.remedy;
  find(card, "[data-sentence]").textContent = now.sentence;
  const button = find(card, "button");
  button.textContent = REMEDIES[remedy];
  button.focus();
}

/** This page once more: a new playback, at the second where this one stands. */
function anew(): void {
  const here = new URL(location.href);
  if (video.currentTime > 0) here.searchParams.set("start", String(Math.floor(video.currentTime)));
  location.replace(remedy === "sign-in" ? `/signin?next=${encodeURIComponent(here.pathname + here.search)}` : here);
}

function offerStartOver(seconds: number, seek: (seconds: number) => void): void {
  if (seconds <= RESUMABLE_SECONDS) return;
  const pill = find(root, "#resumed");
  find(pill, "[data-sentence]").textContent = `Resumed at ${clock(seconds)}`;
  pill.hidden = false;
  const away = () => {
    pill.hidden = true;
  };
  find(pill, "button").addEventListener("click", () => {
    seek(0);
    away();
  });
  setTimeout(away, RESUME_SHOWN_MS);
}

async function play(): Promise<void> {
  const queue = new EventQueue();
  let playback: Playback;
  try {
    playback = await startPlayback(profileId, titleId);
  } catch (error) {
    const verdict = verdictOf(error);
    const told = { sentence: (error as Error).message, remedy };
    trouble({ kind: "lost", ...(verdict?.remedy === "sign-in" ? verdict : told) });
    find(root, "#trouble button").addEventListener("click", anew);
    return;
  }
  find(root, "#playback-id").textContent = playback.playback_id;

  const addresses = new Addresses(playback);
  const length = Number(root.dataset.duration ?? 0);
  const extent = new Extent(video, length, "growing" in root.dataset);
  const thumbnails = new Thumbnails(addresses);
  let telemetry: Telemetry | null = null;
  let menu: Menu | null = null;
  let tracks: Tracks | null = null;
  const stream: Stream = new Stream(video, addresses, titleId, {
    onEdge(from, to) {
      if (from !== null) telemetry?.switched(from, to);
      else if (!extent.isGrowing) void thumbnails.load(to);
    },
    onTrouble(now) {
      trouble(now);
      if (now.kind === "lost") telemetry?.failed(now.sentence);
    },
    onLevels: () => menu?.offer(),
    onExtent: (seconds, growing) => extent.told(seconds, growing),
    onTracks(anew) {
      if (anew) tracks?.settle();
      menu?.offer();
    },
  });
  telemetry = new Telemetry(stream, extent, queue, {
    playback_id: playback.playback_id,
    title_id: titleId,
    profile_id: profileId,
  });
  const chosen = new Tracks(stream);
  tracks = chosen;
  menu = new Menu(find(root, "#menu"), stream, chosen);
  const stats = new Stats(find(root, "#stats"), stream, () => telemetry);
  const speeds = menu;
  const scrub = find(root, ".scrub");
  const told = scrub.dataset.chapters ?? "";
  const chapters = new Chapters(find(scrub, ".scrub-track"), told, find(root, "#chapter"), video);
  const controls = new Controls(root, video, extent, {
    stats: () => stats.toggle(),
    faster: (by) => speeds.faster(by),
    subtitles: () => chosen.toggle(),
    chapter: (seconds, by) => chapters.beside(seconds, by),
    leave: () => location.assign(back),
  });
  new Scrub(scrub, video, extent, thumbnails, chapters, (seconds) => controls.seek(seconds));
  new Passing(find(root, "#pass"), video, playback.spans ?? [], (seconds) => controls.seek(seconds));
  announce(video, { name, poster }, (seconds) => controls.seek(seconds));
  find(root, "#trouble button").addEventListener("click", () => {
    if (remedy !== "again") return anew();
    trouble({ kind: "none" });
    stream.retry();
    void video.play().catch(() => undefined);
  });

  const end = find(root, "#end");
  video.addEventListener("ended", () => {
    end.hidden = false;
    root.classList.add("player-over");
    find(end, "a, button").focus();
  });
  video.addEventListener("play", () => {
    end.hidden = true;
    root.classList.remove("player-over");
  });
  find(end, "[data-again]").addEventListener("click", () => {
    controls.seek(0);
    void video.play();
  });

  // Almost at its end: begin anew.
  const start = new URLSearchParams(location.search).get("start");
  const asked = start === null ? playback.resume_seconds : Math.max(Number(start) || 0, 0);
  const resume = length > 0 && asked > length - RESUMABLE_SECONDS ? 0 : asked;
  stream.open(resume);
  if (start === null) offerStartOver(resume, (seconds) => controls.seek(seconds));
  // A browser that has not seen its person act here yet may refuse: the big button stays.
  void video.play().catch((refused: DOMException) => {
    if (refused.name === "NotAllowedError") root.classList.add("player-asks");
  });
  video.addEventListener("play", () => root.classList.remove("player-asks"));

  const channel = new BroadcastChannel("matinee-player");
  const state = (): PlayerState => ({
    playback_id: playback.playback_id,
    title_id: titleId,
    name,
    edge: stream.edge,
    pathway: stream.pathway,
    buffer_seconds: stream.bufferSeconds,
    bitrate_bps: stream.hls?.levels[stream.hls.currentLevel]?.bitrate ?? null,
    stalls: telemetry?.stalls ?? 0,
    position_seconds: video.currentTime,
    playing: !video.paused && !video.ended,
    segments: stream.segments,
  });
  // What tests and the studio look through.
  window.matinee = {
    video,
    state,
    get playback() {
      return addresses.playback;
    },
    get hls() {
      return stream.hls;
    },
  };
  setInterval(() => channel.postMessage({ ...state(), segments: stream.segments.slice(-20) }), STATE_EVERY_MS);
}

void play();
