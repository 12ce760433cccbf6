import type { Report } from "../../parts/report";
import type { Run } from "./run";
import type { Span } from "./span";

const COLUMNS = [
  "name",
  "agentName",
  "model",
  "toolName",
  "startedAt",
  "durationSeconds",
  "inputTokens",
  "outputTokens",
  "cost",
  "status",
  "errorType",
];

/** Returns the report of a run. The contents of its spans are personal and not among these fields. */
export function runReport(run: Run, spans: Span[], isCut: boolean): Report {
  return {
    page: "run",
    id: run.id,
    facts: plain(run),
    lists: { spans: { rows: spans.map(plain), columns: COLUMNS, isCut } },
    leftOut: spans.some(({ hasContent }) => hasContent) ? ["spans.content"] : [],
  };
}

/** Returns the fields of a row without those that describe the row. */
function plain({ _meta, ...fields }: { _meta?: unknown; id: string }) {
  return fields;
}
