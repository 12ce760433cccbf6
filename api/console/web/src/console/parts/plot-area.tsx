import type { KeyboardEvent, PointerEvent } from "react";

import { clock } from "./moment";
import { figure, highest, linePath, niceCeiling, type PlotLine } from "./plot-scale";

const WIDTH = 1000;
const HEIGHT = 240;

type Props = {
  title: string;
  times: readonly string[];
  lines: readonly PlotLine[];
  /** The place of the chosen time; undefined for the latest one. */
  chosen: number | undefined;
  choose(index: number | undefined): void;
};

/** The lines of a plot. The pointer, or the arrow keys, choose a time. */
export function PlotArea({ title, times, lines, chosen, choose }: Props) {
  const last = Math.max(times.length - 1, 0);
  const index = chosen ?? last;
  const at = times[index];
  const top = niceCeiling(Math.max(...lines.map(({ values }) => highest(values))));
  const values = lines.map((line) => `${line.name} ${figure(line.values[index])}`).join(", ");

  function point({ clientX, currentTarget }: PointerEvent<HTMLDivElement>) {
    const { left, width } = currentTarget.getBoundingClientRect();
    choose(Math.round((Math.min(Math.max(clientX - left, 0), width) / width) * last));
  }

  function press(event: KeyboardEvent) {
    const next = { ArrowLeft: index - 1, ArrowRight: index + 1, Home: 0, End: last }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    choose(Math.min(Math.max(next, 0), last));
  }

  return (
    <div
      className="plot-area"
      role="slider"
      tabIndex={0}
      aria-label={`Time in the plot: ${title}`}
      aria-valuemin={0}
      aria-valuemax={last}
      aria-valuenow={index}
      aria-valuetext={at && `${clock(Date.parse(at))}: ${values}`}
      onPointerMove={point}
      onPointerLeave={() => choose(undefined)}
      onBlur={() => choose(undefined)}
      onKeyDown={press}
    >
      <span className="plot-top">{figure(top)}</span>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        <path className="plot-grid" d={`M0 0H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT}H${WIDTH}`} />
        {chosen !== undefined && <path className="plot-cursor" d={`M${(index / (last || 1)) * WIDTH} 0V${HEIGHT}`} />}
        {lines.map(({ name, values }, tone) => (
          <path key={name} className={`plot-line tone-${tone}`} d={linePath(values, top, WIDTH, HEIGHT)} />
        ))}
      </svg>
    </div>
  );
}
