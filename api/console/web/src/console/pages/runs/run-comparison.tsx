import { Problems } from "../../parts/problems";
import { Line } from "../../parts/text";
import { CutNotice } from "./cut-notice";
import { FigureTable } from "./figure-table";
import { runLink } from "./run";
import { RunStateBadge } from "./run-state-badge";
import { StepTable } from "./step-table";
import { type RunReading, useRun } from "./use-run";
import { UseTable } from "./use-table";

/** Two runs side by side: what they came to, which models and tools they called, and at which steps they differ. */
export function RunComparison({ first, other }: { first: RunReading; other: string }) {
  const second = useRun(other);
  const [left, right] = [first.run, second.run];
  if (right === null) return <p>No run that you may see has the id <Line>{other}</Line>.</p>;
  if (!left || !right)
    return second.problems.length ? (
      <Problems problems={second.problems} about={`the run ${other}`} />
    ) : (
      <p className="loading">Reading the other run…</p>
    );
  return (
    <>
      <Problems problems={second.problems} about={`the run ${other}`} />
      <CutNotice reading={second} />
      <div className="versus">
        {[left, right].map((run, index) => (
          <p key={run.id}>
            <span className="badge">{index === 0 ? "first" : "second"}</span> <RunStateBadge state={run.state} />{" "}
            <a href={runLink(run.id)} className="id">
              <Line>{run.id}</Line>
            </a>
          </p>
        ))}
      </div>
      <FigureTable first={left} second={right} />
      {first.isComplete && second.isComplete ? (
        <>
          <UseTable title="Models" role="model" first={first.spans} second={second.spans} />
          <UseTable title="Tools" role="tool" first={first.spans} second={second.spans} />
          <StepTable first={first.spans} second={second.spans} />
        </>
      ) : (
        <p className="loading">Reading the spans…</p>
      )}
    </>
  );
}
