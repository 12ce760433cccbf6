import { useContext, useEffect, useState } from "react";

import { useEpoch } from "../../api/hooks";
import { Trace, TraceTail } from "../../api/operations";
import type { Problem } from "../../api/problems";
import { Session } from "../../session";
import type { TraceNode } from "./trace-tree";

/** How many nodes are kept at most; a trace that has more is cut. */
const KEPT = 20_000;

export type TraceState = { nodes: TraceNode[]; problems: Problem[]; isComplete: boolean; isCut: boolean };

const EMPTY: TraceState = { nodes: [], problems: [], isComplete: false, isCut: false };

/** Reads a trace page by page, then follows it. */
export function useTrace(correlationId: string): TraceState {
  const { http, live, schema } = useContext(Session);
  const [state, setState] = useState(EMPTY);
  const epoch = useEpoch();
  const [attempt, setAttempt] = useState(epoch);

  // Without a result there is nothing to resume, so a trace that could not be read is read again on a new connection.
  useEffect(() => {
    if (state.problems.length) setAttempt(epoch);
  }, [epoch]);

  useEffect(() => {
    const controller = new AbortController();
    let stop = () => {};
    let count = 0;

    function add(nodes: TraceNode[]) {
      const kept = nodes.slice(0, KEPT - count);
      const isCut = kept.length < nodes.length;
      count += kept.length;
      setState((old) => ({ ...old, nodes: [...old.nodes, ...kept], isCut: old.isCut || isCut }));
      if (isCut) stop();
    }

    async function read() {
      setState(EMPTY);
      let after: string | undefined;
      let isTruncated = true;
      while (isTruncated && count < KEPT) {
        const { data, problems } = await http.run(Trace, { correlationId, after }, controller.signal);
        const page = data?.trace;
        if (!page) return setState((old) => ({ ...old, problems, isComplete: true }));
        add(page.nodes);
        after = page.position;
        isTruncated = page.truncated;
      }
      setState((old) => ({ ...old, isComplete: true, isCut: old.isCut || isTruncated }));
      if (!isTruncated && schema.hasSubscription("trace")) stop = follow(after);
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
  }, [http, live, correlationId, attempt]);

  return state;
}
