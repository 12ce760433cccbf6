import { useEffect } from "react";

import { useOperation } from "../../api/hooks";
import { AgentRun } from "../../api/operations";
import type { Problem } from "../../api/problems";
import type { Run } from "./run";
import { type SpansState, useSpans } from "./use-spans";

/** Milliseconds until a run is read again; they double while it stays the same. */
const SHORTEST_WAIT = 1_000;
const LONGEST_WAIT = 30_000;

/** A run with its spans. The run is null if it does not exist for the caller, undefined while it is not read. */
export type RunReading = Omit<SpansState, "problems"> & { run: Run | null | undefined; problems: Problem[] };

/** Reads a run with its spans, and follows both. */
export function useRun(id: string): RunReading {
  const { data, problems, reload } = useOperation(AgentRun, { id });
  const run = data?.agentRun;
  const { problems: spanProblems, ...spans } = useSpans(id, run?._meta.position);

  // What the spans come to is read again until it has all of them.
  const isBehind = run != null && spans.isComplete && spans.spans.length > run.spans;
  useEffect(() => {
    if (!isBehind) return;
    let wait = SHORTEST_WAIT;
    let timer = 0;
    function readLater() {
      timer = setTimeout(() => {
        if (!document.hidden) {
          reload();
          wait = Math.min(2 * wait, LONGEST_WAIT);
        }
        readLater();
      }, wait);
    }
    readLater();
    return () => clearTimeout(timer);
  }, [isBehind, run?.spans, reload]);

  return { ...spans, run, problems: [...problems, ...spanProblems] };
}
