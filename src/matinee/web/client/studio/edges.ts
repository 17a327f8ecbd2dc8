// The egress of every edge over the last five minutes, read anew every two seconds.
import type uPlot from "uplot";
import { colour, plot } from "./plots";

interface EdgeLoad {
  id: string;
  history: { time: number; egress_bps: number }[];
}

const PERIOD_MS = 2000;
const COLOURS = ["plot-1", "plot-2", "plot-3", "plot-4", "plot-5"];

const rate = (bps: number): string =>
  bps >= 1e6 ? `${(bps / 1e6).toFixed(1)} Mbit/s` : `${(bps / 1e3).toFixed(0)} kbit/s`;

export function plotEdges(): void {
  const element = document.querySelector<HTMLElement>("[data-edges-plot]");
  if (!element) return;
  let drawn: uPlot | undefined;
  let names = "";
  const draw = async (): Promise<void> => {
    const answer = await fetch("/api/v1/studio/edges");
    if (!answer.ok) return;
    const { edges } = (await answer.json()) as { edges: EdgeLoad[] };
    const found = edges.map((edge) => edge.id).join();
    if (!drawn || found !== names) {
      drawn?.destroy();
      names = found;
      const lines = edges.map((edge, place) => ({
        label: edge.id,
        colour: colour(COLOURS[place % COLOURS.length] ?? "plot-1"),
      }));
      drawn = plot(element, lines, rate, 1e6);
    }
    drawn.setData(aligned(edges));
  };
  const again = (): void => {
    if (document.visibilityState === "visible") void draw().catch(() => undefined);
  };
  again();
  setInterval(again, PERIOD_MS);
}

// Readings of different edges lie on one axis of whole seconds; where an edge said nothing, its line is broken.
function aligned(edges: EdgeLoad[]): uPlot.AlignedData {
  const seconds = new Set<number>();
  const series = edges.map((edge) => {
    const read = new Map<number, number>();
    for (const load of edge.history) {
      const second = Math.round(load.time);
      seconds.add(second);
      read.set(second, load.egress_bps);
    }
    return read;
  });
  const times = [...seconds].sort((one, other) => one - other);
  return [times, ...series.map((read) => times.map((time) => read.get(time) ?? null))] as uPlot.AlignedData;
}
