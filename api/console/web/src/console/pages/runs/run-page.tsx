import { linkTo, type PageState } from "../../address";
import { AgentRun } from "../../api/operations";
import { ExportMenu } from "../../parts/export-menu";
import { GraphiqlLink } from "../../parts/links";
import { Problems } from "../../parts/problems";
import { Line } from "../../parts/text";
import { CompareChoice } from "./compare-choice";
import { CutNotice } from "./cut-notice";
import type { Run } from "./run";
import { RunComparison } from "./run-comparison";
import { RunFacts } from "./run-facts";
import { runReport } from "./run-report";
import { SpanPanel } from "./span-panel";
import { Transcript } from "./transcript";
import { type RunReading, useRun } from "./use-run";
import { Waterfall } from "./waterfall";

type Props = { id: string; state: PageState };

/** What an agent did in one run and what it cost: as a transcript, as a waterfall, or beside another run. */
export function RunPage({ id, state }: Props) {
  const reading = useRun(id);
  const { run, spans, problems, isComplete, isCut } = reading;
  if (run === null) return <Unknown id={id} />;
  return (
    <>
      <header className="page-head">
        <p className="quiet">
          Run
          {run?.agentName && (
            <>
              {" "}
              of the agent <Line>{run.agentName}</Line>
            </>
          )}
        </p>
        <h1>
          <Line>{id}</Line>
        </h1>
        <p>
          <a href={linkTo("runs")}>All runs</a> · <a href={linkTo("entity", { id })}>Its history</a> ·{" "}
          <GraphiqlLink operation={AgentRun} variables={{ id }} />
        </p>
        {run && (
          <div className="run-actions">
            {isComplete && (
              <ExportMenu build={async () => ({ report: runReport(run, spans, isCut), problems: [] })} />
            )}
            <CompareChoice run={run} other={state.with} />
          </div>
        )}
      </header>
      <Problems problems={problems} about={`the run ${id}`} />
      <CutNotice reading={reading} />
      {!run && !problems.length && <p className="loading">Reading the run…</p>}
      {run && !state.with && <OneRun run={run} reading={reading} state={state} />}
      {run && state.with && <RunComparison key={state.with} first={reading} other={state.with} />}
    </>
  );
}

function OneRun({ run, reading, state }: { run: Run; reading: RunReading; state: PageState }) {
  const { spans, isComplete, changes } = reading;
  const showsWaterfall = state.show === "waterfall";
  const selected = spans.find(({ spanId }) => spanId === state.span);
  const link = (changed: PageState) => linkTo("runs", { id: run.id, ...state, ...changed });
  return (
    <>
      <RunFacts run={run} />
      <nav aria-label="How the run is shown" className="tabs">
        <a href={link({ show: undefined, span: undefined })} aria-current={showsWaterfall ? undefined : "page"}>
          Transcript
        </a>
        <a href={link({ show: "waterfall" })} aria-current={showsWaterfall ? "page" : undefined}>
          Waterfall
        </a>
      </nav>
      {!isComplete && <p className="loading">Reading the spans…</p>}
      {showsWaterfall ? (
        <div className={selected ? "tail with-panel" : "tail"}>
          <Waterfall spans={spans} selected={selected?.spanId} link={link} />
          {selected && (
            <SpanPanel
              key={selected.spanId}
              span={selected}
              changes={changes}
              closeLink={link({ span: undefined })}
            />
          )}
        </div>
      ) : (
        <Transcript spans={spans} changes={changes} link={link} />
      )}
    </>
  );
}

function Unknown({ id }: { id: string }) {
  return (
    <>
      <h1>There is no such run that you may see</h1>
      <p>
        No run has the id <Line>{id}</Line>, or you may not see it. The id is <code>agentrun-</code> and the id of the
        trace; <a href={linkTo("runs")}>the list</a> has those that you may see.
      </p>
    </>
  );
}
