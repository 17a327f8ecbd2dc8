// One play of one title, as the service grants it: addresses, edges and the tokens that open them.

export interface EdgeChoice {
  id: string;
  region: string;
  /** The title's folder at this edge, token included, ending in a slash. */
  url: string;
  reason: string;
}

/** What may be passed over, in seconds of the film. */
export interface Span {
  kind: "recap" | "intro" | "credits";
  start_seconds: number;
  end_seconds: number;
}

export interface Playback {
  playback_id: string;
  hls_url: string;
  dash_url: string;
  steering_url: string;
  edges: EdgeChoice[];
  resume_seconds: number;
  /** Not there while a service of the release before answers. */
  spans?: Span[];
  expires_at: string;
  /** When the tokens end by this computer's own clock, which may be hours off: milliseconds as `Date.now()` counts. */
  endsAt: number;
}

/** What the service says when it does not play: a sentence for people. */
export class Refusal extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

async function post(address: string, body: unknown): Promise<Playback> {
  let answer: Response;
  const asked = Date.now();
  try {
    answer = await fetch(address, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(body),
    });
  } catch {
    throw new Refusal("The service does not answer. Your place in the film is kept.", 0);
  }
  if (!answer.ok) {
    const problem: { detail?: string; title?: string } = await answer.json().catch(() => ({}));
    throw new Refusal(problem.detail ?? problem.title ?? `The service answered ${answer.status}.`, answer.status);
  }
  const granted: Omit<Playback, "endsAt"> = await answer.json();
  // From before the question was sent: rather a moment early.
  const said = Date.parse(answer.headers.get("Date") ?? "");
  const lasts = Date.parse(granted.expires_at) - (Number.isNaN(said) ? asked : said);
  return { ...granted, endsAt: asked + lasts };
}

/** Press play. */
export function startPlayback(profileId: string, titleId: string): Promise<Playback> {
  const device = { kind: "browser", width: screen.width, height: screen.height, agent: navigator.userAgent };
  return post("/api/v1/playbacks", { profile_id: profileId, title_id: titleId, device });
}

/** New tokens and addresses for a playback that outlived its own. */
export function renewPlayback(playbackId: string): Promise<Playback> {
  return post(`/api/v1/playbacks/${encodeURIComponent(playbackId)}/renewal`, {});
}

/** Stands among the edges for the address of steering. */
const STEERING = ":steering";
/** And for the folder of the composed manifest, under which playlists stand that still grow. */
const MANIFEST = ":manifest";

/**
 * Where things are now. A renewal changes tokens while the player still holds playlists with the old ones, so each
 * request is turned to the newest address of the same edge just before it leaves.
 */
export class Addresses {
  /** By every folder that was ever named, whose it is. An edge that was silent for a while comes back under a new one. */
  private readonly owners = new Map<string, string>();
  private readonly newest = new Map<string, string>();
  private latest: Playback;

  constructor(playback: Playback) {
    this.latest = playback;
    this.renew(playback);
  }

  get playback(): Playback {
    return this.latest;
  }

  renew(playback: Playback): void {
    this.latest = playback;
    const manifest = playback.hls_url.slice(0, playback.hls_url.lastIndexOf("/") + 1);
    const own = [
      { id: STEERING, url: playback.steering_url },
      { id: MANIFEST, url: manifest },
    ];
    for (const { id, url } of [...playback.edges, ...own]) {
      this.owners.set(url, id);
      this.newest.set(id, url);
    }
  }

  /** Which encode the edges' folders hold: `<title>/<revision>/`, their last two parts. */
  get encode(): string {
    return this.latest.edges[0]?.url.split("/").slice(-3).join("/") ?? "";
  }

  /** Whether an address carries the newest token of its edge. */
  isNewest(url: string): boolean {
    return [...this.newest.values()].some((folder) => url.startsWith(folder));
  }

  /** The newest spelling of an address. */
  current(url: string): string {
    for (const [folder, id] of this.owners) {
      if (url.startsWith(folder)) return (this.newest.get(id) ?? folder) + url.slice(folder.length);
    }
    return url;
  }

  /** Which edge an address belongs to, by host; null for the service's own. */
  edge(url: string): string | null {
    const host = hostOf(url);
    for (const [id, folder] of this.newest) if (!id.startsWith(":") && hostOf(folder) === host) return id;
    return null;
  }

  /** The title's folder at an edge. */
  folder(edgeId: string | null): string | null {
    return this.newest.get(edgeId ?? "") ?? this.latest.edges[0]?.url ?? null;
  }
}

export function hostOf(url: string): string {
  try {
    return new URL(url, location.href).host;
  } catch {
    return "";
  }
}
