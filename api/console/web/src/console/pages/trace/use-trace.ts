import { useContext, useEffect, useState, useSyncExternalStore } from "react";

import { Trace, TraceTail } from "../../api/operations";
import type { Problem } from "../../api/problems";
import { Session } from "../../session";
import type { TraceNode } from "./trace-tree";

/** How many nodes are kept; a trace that has more is cut. */
const KEPT = 20_000;

export type TraceState = { nodes: TraceNode[]; problems: Problem[]; isComplete: boolean; isCut: boolean };

const EMPTY: TraceState = { nodes: [], problems: [], isComplete: false, isCut: false };

/** Reads a trace page by page, then follows it. */
export function useTrace(correlationId: string): TraceState {
  const { http, live, schema } = useContext(Session);
  const [state, setState] = useState(EMPTY);
  const epoch = useSyncExternalStore(live.onChange, () => live.epoch);

  useEffect(() => {
    const controller = new AbortController();
    let stop = () => {};
    const add = (nodes: TraceNode[]) =>
      setState((old) => ({ ...old, nodes: [...old.nodes, ...nodes], isCut: old.nodes.length + nodes.length > KEPT }));

    async function read() {
      setState(EMPTY);
      let after: string | undefined;
      for (let count = 0; count <= KEPT; ) {
        const { data, problems } = await http.run(Trace, { correlationId, after }, controller.signal);
        const page = data?.trace;
        if (!page) return setState((old) => ({ ...old, problems, isComplete: true }));
        count += page.nodes.length;
        add(page.nodes);
        after = page.position;
        if (!page.truncated) break;
      }
      setState((old) => ({ ...old, isComplete: true }));
      if (schema.hasSubscription("trace")) stop = follow(after);
    }

    function follow(after: string | undefined) {
      return live.follow(TraceTail, { correlationId, after }, {
        next: ({ trace }) => trace.__typename === "TraceNodes" && add(trace.nodes),
        failed: (problems) => setState((old) => ({ ...old, problems })),
      });
    }

    read().catch(() => {});
    return () => {
      controller.abort();
      stop();
    };
    // Without a result there is nothing to resume, so a trace that could not be read is read again.
  }, [http, live, correlationId, state.problems.length ? epoch : 0]);

  return state;
}
