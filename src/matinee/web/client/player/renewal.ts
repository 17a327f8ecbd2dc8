// Tokens end. A film that plays gets new ones before that; one that was paused over the end, when somebody comes back.
import { type Addresses, Refusal, renewPlayback } from "./playback";

const EARLY_MS = 60_000;
// Timers count milliseconds in 31 bits.
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** An edge that refuses new tokens has another reason: it is not asked again at once. */
const PAUSE_MS = 2000;

/** What is left to do when the service renews no more. */
export type Remedy = "again" | "anew" | "sign-in";

export interface Verdict {
  sentence: string;
  remedy: Remedy;
}

/** Why a renewal will not be answered otherwise, in words for who watches; null if asking again may help. */
export function verdictOf(error: unknown): Verdict | null {
  if (!(error instanceof Refusal)) return null;
  switch (error.status) {
    case 401:
      return {
        sentence: "You are signed out on this device. Sign in and the film goes on from here.",
        remedy: "sign-in",
      };
    case 403:
      return { sentence: "The service ended this playback. Play to begin anew from here.", remedy: "anew" };
    case 404:
      return {
        sentence: "The service does not know this playback any more. Play to begin anew from here.",
        remedy: "anew",
      };
    case 409:
      return { sentence: error.message, remedy: "anew" };
    case 429:
      // Too many devices play: the sentence says how many, and who stops one of them may go on here.
      return { sentence: error.message, remedy: "again" };
    default:
      return null;
  }
}

/** Renews a playback's tokens, one request at a time however many ask. `idle`: nobody watches just now. */
export class Renewal {
  private timer = 0;
  private running: Promise<void> | null = null;
  private dueAt = Number.POSITIVE_INFINITY;
  private renewedAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly addresses: Addresses,
    private readonly idle: () => boolean,
    private readonly inTime: () => void,
  ) {}

  /** Whether the tokens have ended, or are about to. A computer that slept has missed its timer. */
  get due(): boolean {
    return Date.now() >= this.dueAt;
  }

  /**
   * From now on: renew a minute before the tokens end, halfway where that is later. A film that stands paused needs
   * none, and would count as playing among a household's devices.
   */
  keep(): void {
    const left = this.addresses.playback.endsAt - Date.now();
    clearTimeout(this.timer);
    if (left <= 0) {
      this.dueAt = Number.NEGATIVE_INFINITY;
      return;
    }
    const wait = Math.max(left - EARLY_MS, left / 2);
    this.dueAt = Date.now() + wait;
    this.timer = window.setTimeout(() => !this.idle() && this.inTime(), Math.min(wait, LONGEST_TIMER_MS));
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  /** New tokens; throws what `renewPlayback` throws. Who asks while a renewal is under way shares it. */
  now(): Promise<void> {
    this.running ??= this.ask().finally(() => {
      this.running = null;
    });
    return this.running;
  }

  /** The wait before a renewal after an edge refused tokens that had just come. */
  async pause(): Promise<void> {
    const left = this.renewedAt + PAUSE_MS - performance.now();
    if (left > 0) await new Promise((resolve) => setTimeout(resolve, left));
  }

  private async ask(): Promise<void> {
    try {
      this.addresses.renew(await renewPlayback(this.addresses.playback.playback_id));
      this.renewedAt = performance.now();
    } finally {
      this.keep();
    }
  }
}
