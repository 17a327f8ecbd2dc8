// The panel that breaks things: listens to the player in the frame and shows its buffer and its edge as they change.
import { colour, plot } from "./plots";

interface PlayerState {
  edge: string | null;
  buffer_seconds: number;
  stalls: number;
  position_seconds: number;
}

const SHOWN_SECONDS = 120;
const PERIOD_SECONDS = 0.25;
const COLOURS = ["plot-1", "plot-2", "plot-3", "plot-4", "plot-5"];

export function watchBreakage(): void {
  const panel = document.querySelector<HTMLElement>("[data-break]");
  const place = document.querySelector<HTMLElement>("[data-buffer-plot]");
  if (!panel || !place) return;
  postQuietly(panel);
  const log = panel.querySelector<HTMLOListElement>("[data-break-log]");
  const edges = [...panel.querySelectorAll<HTMLElement>("[data-edge]")].map((edge) => edge.dataset.edge ?? "");
  const colours = edges.map((_edge, index) => colour(COLOURS[index % COLOURS.length] ?? "plot-1"));
  const lines = edges.map((edge, index) => ({
    label: edge,
    colour: colours[index] ?? "",
    fill: (colours[index] ?? "").replace(/\)$/, " / 0.18)"),
  }));
  const drawn = plot(place, lines, (value) => `${value.toFixed(0)} s`, 10);
  const readings: { at: number; edge: string | null; buffer: number }[] = [];
  let serving: string | null = null;
  let stalls = 0;
  const channel = new BroadcastChannel("matinee-player");
  channel.addEventListener("message", (message: MessageEvent<PlayerState>) => {
    const state = message.data;
    const now = Date.now() / 1000;
    if (state.edge && state.edge !== serving) {
      say(log, serving ? `The player moved from ${serving} to ${state.edge}.` : `The player plays from ${state.edge}.`);
      serving = state.edge;
    }
    if (state.stalls > stalls) say(log, "The picture stood still.");
    stalls = state.stalls;
    show(panel, state);
    const last = readings.at(-1);
    if (last && now - last.at < PERIOD_SECONDS) return;
    readings.push({ at: now, edge: state.edge, buffer: state.buffer_seconds });
    while ((readings[0]?.at ?? now) < now - SHOWN_SECONDS) readings.shift();
    drawn.setData([
      readings.map((reading) => reading.at),
      ...edges.map((edge) => readings.map((reading) => (reading.edge === edge ? reading.buffer : null))),
    ] as never);
  });
  // The list of edges is exchanged every second; the one that serves is marked anew.
  new MutationObserver(() => mark(panel, serving)).observe(panel, { childList: true, subtree: true });
}

function show(panel: HTMLElement, state: PlayerState): void {
  const minutes = Math.floor(state.position_seconds / 60);
  const seconds = Math.floor(state.position_seconds % 60);
  const facts: Record<string, string> = {
    edge: state.edge ?? "waiting",
    buffer: `${state.buffer_seconds.toFixed(1)} s`,
    stalls: String(state.stalls),
    position: `${minutes}:${String(seconds).padStart(2, "0")}`,
  };
  for (const [name, text] of Object.entries(facts)) {
    const element = panel.querySelector(`[data-fact="${name}"]`);
    if (element && element.textContent !== text) element.textContent = text;
  }
  mark(panel, state.edge);
}

function mark(panel: HTMLElement, serving: string | null): void {
  for (const edge of panel.querySelectorAll<HTMLElement>("[data-edge]")) {
    edge.toggleAttribute("data-serves", edge.dataset.edge === serving);
  }
}

function say(log: HTMLOListElement | null, sentence: string): void {
  if (!log) return;
  log.querySelector(".faint")?.remove();
  const entry = document.createElement("li");
  entry.textContent = `${new Date().toLocaleTimeString()}  ${sentence}`;
  log.prepend(entry);
}

// Breaking an edge must not reload the page that shows the player.
function postQuietly(panel: HTMLElement): void {
  panel.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !form.hasAttribute("data-quiet")) return;
    event.preventDefault();
    const log = panel.querySelector<HTMLOListElement>("[data-break-log]");
    const edge = form.closest<HTMLElement>("[data-edge]")?.dataset.edge ?? "";
    const word = form.textContent?.trim() ?? "";
    const body = new URLSearchParams();
    for (const [name, value] of new FormData(form)) body.append(name, String(value));
    void fetch(form.action, { method: "POST", body })
      .then((answer) => say(log, answer.ok ? `${word}: ${edge}.` : `${word}: ${edge} refused (${answer.status}).`))
      .catch(() => say(log, `${word}: the studio did not answer.`));
  });
}
