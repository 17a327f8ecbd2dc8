// How long the film is, and how much of it can be played: less than all of it while it is still arriving.

/** Nearer than this to the end of what has arrived, a wait is for what comes next. */
const NEAR_SECONDS = 1;
/** What is asked for beyond what has arrived leads this far before its end, so that there is something to see. */
const BEFORE_SECONDS = 4;

export class Extent {
  private edge = 0;

  /** `whole` is the film's length in seconds, `growing` whether it is still arriving, as far as the page knows. */
  constructor(
    private readonly video: HTMLVideoElement,
    private readonly whole: number,
    private growing: boolean,
  ) {}

  get isGrowing(): boolean {
    return this.growing;
  }

  /** The whole film's seconds, also while the video element knows of fewer. */
  get duration(): number {
    const { duration } = this.video;
    return this.growing && this.whole > 0 ? Math.max(this.whole, this.edge) : duration;
  }

  /** So many seconds from the start have arrived. */
  get arrived(): number {
    return this.growing ? this.edge : this.duration;
  }

  /** What a playlist said: its seconds, and whether it grows. */
  told(seconds: number, growing: boolean): void {
    this.edge = seconds;
    this.growing = growing;
    this.video.dispatchEvent(new Event("durationchange"));
  }

  /** Whether a second is not there yet. */
  isBeyond(seconds: number): boolean {
    return this.growing && seconds > this.edge;
  }

  /** Whether the film stands at the end of what has arrived. */
  get isAtEnd(): boolean {
    return this.growing && this.video.currentTime > this.edge - NEAR_SECONDS;
  }

  /** The nearest second to one that can be played. */
  hold(seconds: number): number {
    const { duration } = this.video;
    const last = this.growing ? this.edge - BEFORE_SECONDS : Number.isFinite(duration) ? duration - 0.1 : seconds;
    const most = this.growing && seconds <= this.edge - NEAR_SECONDS ? seconds : last;
    return Math.max(Math.min(seconds, most), 0);
  }
}
