import { useId, useState } from "react";

import { clock } from "./moment";
import { PlotArea } from "./plot-area";
import { figure, type PlotLine } from "./plot-scale";
import { PlotTable } from "./plot-table";
import { Line } from "./text";

type Props = {
  title: string;
  unit: string;
  /** The times of all values, as the API writes them. */
  times: readonly string[];
  lines: readonly PlotLine[];
};

/** A few lines over time. The legend shows the values of the chosen time, or of the latest; a table has all of them. */
export function LinePlot({ title, unit, times, lines }: Props) {
  const id = useId();
  const [chosen, choose] = useState<number>();
  const last = Math.max(times.length - 1, 0);
  const index = Math.min(chosen ?? last, last);
  const at = times[index];
  return (
    <figure className="plot" aria-labelledby={id}>
      <figcaption>
        <h3 id={id}>{title}</h3> <span className="quiet">{unit}</span>
        <time className="quiet" dateTime={at} title={at}>
          {at && clock(Date.parse(at))}
        </time>
      </figcaption>
      <PlotArea
        title={title}
        times={times}
        lines={lines}
        chosen={chosen === undefined ? undefined : index}
        choose={choose}
      />
      <div className="plot-times quiet" aria-hidden="true">
        {[times[0], times[last]].map((time, place) => (
          <span key={place}>{time && clock(Date.parse(time))}</span>
        ))}
      </div>
      <ul className="plot-legend">
        {lines.map((line, tone) => (
          <LegendEntry key={line.name} line={line} tone={tone} value={line.values[index]} />
        ))}
      </ul>
      <PlotTable title={title} times={times} lines={lines} />
    </figure>
  );
}

type EntryProps = { line: PlotLine; tone: number; value: number | null | undefined };

function LegendEntry({ line: { name, link }, tone, value }: EntryProps) {
  return (
    <li>
      <svg viewBox="0 0 24 6" aria-hidden="true">
        <path className={`plot-line tone-${tone}`} d="M2 3H22" />
      </svg>{" "}
      {link ? (
        <a href={link}>
          <Line>{name}</Line>
        </a>
      ) : (
        <Line>{name}</Line>
      )}{" "}
      <strong>{figure(value)}</strong>
    </li>
  );
}
