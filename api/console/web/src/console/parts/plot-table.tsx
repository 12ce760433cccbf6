import { useState } from "react";

import { Moment } from "./moment";
import { figure, type PlotLine } from "./plot-scale";

type Props = { title: string; times: readonly string[]; lines: readonly PlotLine[] };

/** All values of a plot, the latest first. They are in the page once they are asked for. */
export function PlotTable({ title, times, lines }: Props) {
  const [isOpen, setIsOpen] = useState(false);
  const indexes = [...times.keys()].reverse();
  return (
    <details onToggle={(event) => setIsOpen(event.currentTarget.open)}>
      <summary>
        Table<span className="hidden"> of {title}</span>
      </summary>
      {isOpen && (
        <div className="scroll tall" tabIndex={0} role="region" aria-label={`Table of ${title}`}>
          <table>
            <thead>
              <tr>
                <th>time</th>
                {lines.map(({ name }) => (
                  <th key={name} className="number">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {indexes.map((index) => (
                <tr key={times[index]}>
                  <th scope="row">
                    <Moment at={times[index]!} isClock />
                  </th>
                  {lines.map(({ name, values }) => (
                    <td key={name} className="number">
                      {figure(values[index])}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}
