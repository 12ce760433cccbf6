import type { Report } from "../../parts/report";
import type { TraceNode } from "./trace-tree";

const COLUMNS = ["at", "kind", "name", "detail", "stream", "version", "actor"];

/** Returns the report of a trace. Its nodes have no data of events, so nothing personal is among their fields. */
export function traceReport(correlationId: string, nodes: TraceNode[], isCut: boolean): Report {
  const streams = [...new Set(nodes.map(({ stream }) => stream))];
  const times = { from: nodes[0]?.at, to: nodes.at(-1)?.at };
  const lists = { nodes: { rows: nodes, columns: COLUMNS, isCut } };
  return { page: "trace", id: correlationId, facts: { ...times, streams }, lists, leftOut: [] };
}
