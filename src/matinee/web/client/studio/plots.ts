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

// What a tick says (https://github.com/leeoniya/uPlot/tree/master/docs#axis--grid-opts): the least distance of ticks, the
// usual text, then what is added at a new year, month, day, hour, minute and second.
const TICKS: uPlot.Axis.Values = [
  [86400, "{YYYY}-{MM}-{DD}", null, null, null, null, null, null, 1],
  [60, "{HH}:{mm}", null, null, "\n{YYYY}-{MM}-{DD}", null, null, null, 1],
  [1, ":{ss}", null, null, null, null, "\n{HH}:{mm}", null, 1],
];

/**
 * A plot over time (seconds since 1970) that follows its element's width; its axis reaches `least` or higher. `seconds`:
 * how many of the last ones it shows, be there readings of all of them or not.
 */
export function plot(
  element: HTMLElement,
  lines: Line[],
  unit: (value: number) => string,
  least: number,
  seconds = 0,
): uPlot {
  const font = `12px ${getComputedStyle(element).fontFamily}`;
  const axis = {
    font,
    stroke: colour("text-faint"),
    grid: { stroke: colour("hairline"), width: 1 },
    ticks: { show: false },
  };
  const made = new uPlot(
    {
      width: Math.max(280, element.clientWidth - 24),
      height: 220,
      // As in every table of the studio.
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      legend: { live: false },
      cursor: { show: false },
      scales: {
        ...(seconds > 0 ? { x: { range: (_plot: uPlot, _low: number, high: number) => [high - seconds, high] } } : {}),
        y: { range: (_plot, _low, high) => [0, Math.max(high * 1.1, least)] },
      },
      axes: [
        { ...axis, values: TICKS },
        { ...axis, size: 70, values: (_plot, values) => values.map((value) => (value === 0 ? "0" : unit(value))) },
      ],
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
