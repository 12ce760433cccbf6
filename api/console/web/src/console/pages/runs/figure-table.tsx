import { duration } from "../../parts/moment";
import { type Figure, figuresOf } from "./compare-runs";
import { count, useMoney } from "./figures";
import type { Run } from "./run";

type Writers = Record<Figure["kind"], (value: number) => string>;

/** What two runs came to, with the differences. */
export function FigureTable({ first, second }: { first: Run; second: Run }) {
  const writers: Writers = { count: (value) => count(value), cost: useMoney(), seconds: duration };
  return (
    <section aria-labelledby="figures-title">
      <h2 id="figures-title">Totals</h2>
      <div className="scroll">
        <table className="comparison">
          <thead>
            <tr>
              <th>figure</th>
              <th className="number">first</th>
              <th className="number">second</th>
              <th className="number">difference</th>
            </tr>
          </thead>
          <tbody>
            {figuresOf(first, second).map((figure) => (
              <tr key={figure.name} className={figure.first === figure.second ? undefined : "changed"}>
                <th scope="row">{figure.name}</th>
                <td className="number">{writers[figure.kind](figure.first)}</td>
                <td className="number">{writers[figure.kind](figure.second)}</td>
                <td className="number">{difference(figure, writers)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function difference({ kind, first, second }: Figure, writers: Writers): string {
  if (first === second) return "none";
  const sign = second < first ? "−" : "+";
  const share = first === 0 ? "" : ` (${sign}${Math.round((Math.abs(second - first) / first) * 100)}\u00a0%)`;
  return `${sign}${writers[kind](Math.abs(second - first))}${share}`;
}
