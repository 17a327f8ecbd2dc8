// One edge's plots. The page's upper part is renewed every two seconds and carries a reading; rates come from two of them.
import type uPlot from "uplot";
import { colour, plot } from "./plots";

interface Reading {
  /** Seconds since 1970. */
  time: number;
  /** When its process began: sums of two processes are not subtracted. */
  started: number;
  egress_bps: number;
  sent: Record<string, number>;
}

interface Load {
  time: number;
  egress_bps: number;
}

const SHOWN_SECONDS = 300;
const LIVE_SECONDS = 120;
/** As in edges.css: near ones cool, far ones warm. */
const ORIGINS: [string, string][] = [
  ["placed", "plot-3"],
  ["demand", "plot-2"],
  ["peer", "plot-5"],
  ["parent", "plot-1"],
  ["origin", "plot-4"],
];

const scaled = (value: number, unit: string): string =>
  value >= 1e9
    ? `${(value / 1e9).toFixed(1)} G${unit}`
    : value >= 1e6
      ? `${(value / 1e6).toFixed(1)} M${unit}`
      : `${(value / 1e3).toFixed(0)} k${unit}`;

export function plotEdge(): void {
  const egress = document.querySelector<HTMLElement>("[data-edge-egress]");
  const origins = document.querySelector<HTMLElement>("[data-edge-origins]");
  if (!egress || !origins) return;
  const loads: Load[] = JSON.parse(egress.dataset.history ?? "[]");
  const capacity = Number(egress.dataset.capacity ?? 0);
  const sending = plot(
    egress,
    [
      { label: "egress", colour: colour("plot-1"), fill: faded(colour("plot-1")) },
      { label: "capacity", colour: colour("text-faint") },
    ],
    (value) => scaled(value, "bit/s"),
    1e6,
    SHOWN_SECONDS,
  );
  // The last drawn lies on top, so the whole stack comes first and its lowest layer last.
  const layers = [...ORIGINS].reverse();
  const stacked = plot(
    origins,
    layers.map(([label, token]) => ({ label, colour: colour(token), fill: colour(token) })),
    (value) => scaled(value, "B/s"),
    1e5,
    LIVE_SECONDS,
  );
  const rates: { time: number; rates: number[] }[] = [];
  let last: Reading | null = null;

  const take = (): void => {
    const found = document.querySelector<HTMLElement>("[data-reading]")?.dataset.reading;
    if (found === undefined) return;
    const reading: Reading = JSON.parse(found);
    if (reading.time === last?.time) return;
    if (last !== null) loads.push(reading);
    const before = last;
    if (before !== null && before.started === reading.started) {
      const seconds = reading.time - before.time;
      rates.push({
        time: reading.time,
        rates: ORIGINS.map(([name]) => Math.max(0, (reading.sent[name] ?? 0) - (before.sent[name] ?? 0)) / seconds),
      });
    }
    last = reading;
    forget(loads, reading.time);
    forget(rates, reading.time);
    drawLoads(sending, loads, capacity);
    drawLayers(stacked, rates);
  };
  take();
  document.addEventListener("htmx:after:swap", take);
}

function forget(entries: { time: number }[], now: number): void {
  while ((entries[0]?.time ?? now) < now - SHOWN_SECONDS) entries.shift();
}

// A capacity that the load is far from would press the line to the floor: it is drawn where it can be seen with it.
function drawLoads(drawn: uPlot, loads: Load[], capacity: number): void {
  const highest = Math.max(...loads.map((load) => load.egress_bps), 0);
  const near = capacity > 0 && highest > capacity / 4;
  drawn.setData([
    loads.map((load) => load.time),
    loads.map((load) => load.egress_bps),
    loads.map(() => (near ? capacity : null)),
  ] as uPlot.AlignedData);
}

function drawLayers(drawn: uPlot, found: { time: number; rates: number[] }[]): void {
  const sums = ORIGINS.map((_origin, layer) =>
    found.map((entry) => entry.rates.slice(0, layer + 1).reduce((sum, rate) => sum + rate, 0)),
  );
  drawn.setData([found.map((entry) => entry.time), ...sums.reverse()] as uPlot.AlignedData);
}

function faded(found: string): string {
  return found.replace(/\)$/, " / 0.18)");
}
