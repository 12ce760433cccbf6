import { useMemo, useState } from "react";

import { duration } from "../../parts/moment";
import { Line } from "../../parts/text";
import { ALIGNED, align, differs, stepsOf } from "./compare-runs";
import { Tokens } from "./figures";
import { isFailed, roleOf, type Span } from "./span";

/** The steps of two runs in their order, those that are alike beside each other. */
export function StepTable({ first, second }: { first: Span[]; second: Span[] }) {
  const [hidesAlike, setHidesAlike] = useState(false);
  const firstSteps = useMemo(() => stepsOf(first), [first]);
  const secondSteps = useMemo(() => stepsOf(second), [second]);
  const pairs = useMemo(() => align(firstSteps, secondSteps), [firstSteps, secondSteps]);
  const isCut = Math.max(firstSteps.length, secondSteps.length) === ALIGNED;
  const different = pairs.filter(differs);
  return (
    <section aria-labelledby="steps-title">
      <h2 id="steps-title">Steps</h2>
      <p>
        {different.length
          ? `${different.length} of ${pairs.length} steps are in one of the runs only, or failed in one of them only.`
          : "Both runs have called the same agents, models and tools in the same order."}
        {isCut && ` The first ${ALIGNED} of each are compared.`}{" "}
        <label>
          <input type="checkbox" checked={hidesAlike} onChange={({ target }) => setHidesAlike(target.checked)} /> Show
          these alone
        </label>
      </p>
      <div className="scroll">
        <table className="comparison">
          <thead>
            <tr>
              <th>first</th>
              <th>second</th>
            </tr>
          </thead>
          <tbody>
            {(hidesAlike ? different : pairs).map((pair, index) => (
              <tr key={index} className={differs(pair) ? "changed" : undefined}>
                <StepCell span={pair.first} />
                <StepCell span={pair.second} />
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function StepCell({ span }: { span: Span | undefined }) {
  if (!span) return <td className="quiet">no such step</td>;
  return (
    <td>
      <span className={`badge role-${roleOf(span)}`}>{roleOf(span)}</span> <Line>{span.name}</Line>{" "}
      {isFailed(span) && <span className="badge severity-error">failed</span>}{" "}
      <span className="quiet">
        {duration(span.durationSeconds)}
        {roleOf(span) === "model" && (
          <>
            {" "}
            · <Tokens input={span.inputTokens} output={span.outputTokens} />
          </>
        )}
      </span>
    </td>
  );
}
