import { useContext } from "react";

import { linkTo, type PageState } from "../../address";
import { Trace } from "../../api/operations";
import { counted } from "../../parts/counted";
import { ExportMenu } from "../../parts/export-menu";
import { GraphiqlLink } from "../../parts/links";
import { duration } from "../../parts/moment";
import { Problems } from "../../parts/problems";
import { Line } from "../../parts/text";
import { Session } from "../../session";
import { ANY_STATUS } from "../processes/process-filter";
import { traceReport } from "./trace-report";
import { TraceTimeline } from "./trace-timeline";
import { TraceTreeView } from "./trace-tree-view";
import { useTrace } from "./use-trace";

type Props = { correlationId: string; state: PageState };

/** Everything that one request has caused, over all streams: as a tree, or as a timeline. */
export function TracePage({ correlationId, state }: Props) {
  const { schema } = useContext(Session);
  const { nodes, problems, isComplete, isCut } = useTrace(correlationId);
  const isTimeline = state.show === "timeline";
  const [first, last] = [nodes[0], nodes.at(-1)];
  const seconds = first && last ? (Date.parse(last.at) - Date.parse(first.at)) / 1000 : 0;
  const streams = new Set(nodes.map(({ stream }) => stream)).size;
  const link = (changes: PageState) => linkTo("trace", { id: correlationId, ...state, ...changes });

  return (
    <>
      <header className="page-head">
        <p className="quiet">Trace of a correlation</p>
        <h1>
          <Line>{correlationId}</Line>
        </h1>
        <p>
          {counted(nodes.length, "node")} in {counted(streams, "stream")} over {duration(Math.abs(seconds))}
          {isCut && "; the trace has more, which are not shown"} ·{" "}
          <a href={linkTo("watch", { correlation: correlationId })}>Watch its events</a> ·{" "}
          {schema.hasQuery("processes") && (
            <>
              <a href={linkTo("processes", { status: ANY_STATUS, correlation: correlationId })}>Its processes</a> ·{" "}
            </>
          )}
          <GraphiqlLink operation={Trace} variables={{ correlationId }} />
        </p>
        {isComplete && nodes.length > 0 && (
          <ExportMenu build={async () => ({ report: traceReport(correlationId, nodes, isCut), problems: [] })} />
        )}
        <nav aria-label="How the trace is shown" className="tabs">
          <a href={link({ show: undefined })} aria-current={isTimeline ? undefined : "page"}>
            Tree
          </a>
          <a href={link({ show: "timeline" })} aria-current={isTimeline ? "page" : undefined}>
            Timeline
          </a>
        </nav>
      </header>
      <Problems problems={problems} about={`the trace ${correlationId}`} />
      {!isComplete && <p className="loading">Reading the trace…</p>}
      {isComplete && !problems.length && !nodes.length && (
        <p>No command and no event that you may see has this correlation id. Ids are exact; find others with Ctrl-K.</p>
      )}
      {nodes.length > 0 &&
        (isTimeline ? (
          <TraceTimeline nodes={nodes} isByOrder={state.scale === "order"} link={link} />
        ) : (
          <TraceTreeView nodes={nodes} />
        ))}
    </>
  );
}
