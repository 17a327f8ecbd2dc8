// uPlot in the house's colours.
import uPlot from "uplot";

/** A token's colour as the browser computes it now. */
export function colour(token: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(--${token})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}

export interface Line {
  label: string;
  colour: string;
  fill?: string;
}

/** A plot over time (seconds since 1970) that follows its element's width; its axis reaches `least` or higher. */
export function plot(element: HTMLElement, lines: Line[], unit: (value: number) => string, least: number): uPlot {
  const axis = { stroke: colour("text-faint"), grid: { stroke: colour("hairline"), width: 1 }, ticks: { show: false } };
  const made = new uPlot(
    {
      width: Math.max(280, element.clientWidth - 24),
      height: 220,
      legend: { live: false },
      cursor: { show: false },
      scales: { y: { range: (_plot, _low, high) => [0, Math.max(high * 1.1, least)] } },
      axes: [axis, { ...axis, size: 70, values: (_plot, values) => values.map(unit) }],
      series: [
        {},
        ...lines.map((line) => ({
          label: line.label,
          stroke: line.colour,
          width: 2,
          points: { show: false },
          ...(line.fill ? { fill: line.fill } : {}),
        })),
      ],
    },
    [[], ...lines.map(() => [])] as unknown as uPlot.AlignedData,
    element,
  );
  new ResizeObserver(() => made.setSize({ width: Math.max(280, element.clientWidth - 24), height: 220 })).observe(
    element,
  );
  return made;
}
