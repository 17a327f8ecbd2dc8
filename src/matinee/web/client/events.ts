// Events on their way to the service: kept in memory until accepted, sent again while the connection is gone.
// Every event has an id of its own, so that one sent twice counts once. A batch that was not answered is sent again as it
// was, which is what the log knows best.

const ADDRESS = "/api/v1/events";
const BATCH = 100;
const KEPT = 2000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 30_000;

interface Waiting {
  id: string;
  type: string;
  time: string;
  facts: Record<string, unknown>;
}

/** A version 4 UUID; `crypto.randomUUID` exists only where the page came over TLS or from this machine. */
function newId(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

export class EventQueue {
  private waiting: Waiting[] = [];
  private sending = false;
  /** How many, from the first on, were sent together and not answered yet. */
  private unanswered = 0;
  private pauseMs = FIRST_PAUSE_MS;
  private timer = 0;

  constructor() {
    addEventListener("online", () => this.send());
  }

  /** Note an event now; it leaves at the end of this task, with whatever else was noted in it. */
  add(type: string, facts: Record<string, unknown>): void {
    this.waiting.push({ id: newId(), type, time: new Date().toISOString(), facts });
    if (this.waiting.length > KEPT) {
      this.waiting.splice(0, this.waiting.length - KEPT);
      this.unanswered = 0;
    }
    if (this.timer === 0) this.later(0);
  }

  /** Send what waits, at once. `leaving`: the page is going away, nobody will hear the answer. */
  send(leaving = false): void {
    clearTimeout(this.timer);
    this.timer = 0;
    if (this.waiting.length === 0 || (this.sending && !leaving)) return;
    const first = this.waiting.slice(0, this.unanswered || BATCH);
    void this.post(first, leaving);
    const rest = this.waiting.slice(first.length, first.length + BATCH);
    if (leaving && rest.length > 0) void this.post(rest, leaving);
    else this.unanswered = first.length;
  }

  private later(ms: number): void {
    this.timer = window.setTimeout(() => this.send(), ms);
  }

  private async post(batch: Waiting[], leaving: boolean): Promise<void> {
    this.sending = true;
    let accepted = false;
    try {
      const answer = await fetch(ADDRESS, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ events: batch }),
        // A browser bears 64 KiB of requests that outlive their page.
        keepalive: leaving || batch.length <= 20,
      });
      // What was refused once is refused for ever; what found nobody or a tired server is sent again.
      accepted = answer.ok || (answer.status >= 400 && answer.status < 500 && answer.status !== 429);
      if (!answer.ok && accepted) console.warn("Events were refused:", await answer.text());
    } catch {
      accepted = false;
    }
    this.sending = false;
    if (accepted) {
      const sent = new Set(batch.map((event) => event.id));
      this.waiting = this.waiting.filter((event) => !sent.has(event.id));
      this.unanswered = 0;
      this.pauseMs = FIRST_PAUSE_MS;
      if (this.waiting.length > 0) this.later(0);
    } else {
      this.later(this.pauseMs);
      this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS);
    }
  }
}
