import { useContext, useEffect, useState } from "react";

import { useEpoch } from "../../api/hooks";
import { RunSpans, SpanTail } from "../../api/operations";
import type { Problem } from "../../api/problems";
import { Session } from "../../session";
import { byStart, type Span } from "./span";

export type SpansState = {
  /** In the order in which they began. */
  spans: Span[];
  problems: Problem[];
  isComplete: boolean;
  /** Whether the run has more spans than are kept. */
  isCut: boolean;
  /** How often a span has changed after it was recorded, as it does when its content is erased. */
  changes: number;
};

const EMPTY: SpansState = { spans: [], problems: [], isComplete: false, isCut: false, changes: 0 };

/** How many spans are kept at most; a run that has more is cut. */
const KEPT = 20_000;

/** Milliseconds in which arriving spans are collected before the page shows them. */
const COLLECTING = 200;

/**
 * Reads the spans of a run page by page, then follows them. `position` is where the run is known to exist: both begin
 * there, so that nothing is missing between them. Without one nothing is read.
 */
export function useSpans(run: string, position: string | undefined): SpansState {
  const { http, live, schema } = useContext(Session);
  const [state, setState] = useState(EMPTY);
  const epoch = useEpoch();
  const [attempt, setAttempt] = useState(epoch);

  // Without a result there is nothing to resume, so spans that could not be read are read again on a new connection.
  useEffect(() => {
    if (state.problems.length) setAttempt(epoch);
  }, [epoch]);

  useEffect(() => {
    if (position === undefined) return;
    const controller = new AbortController();
    const spans = new Map<string, Span>();
    let stop = () => {};
    let timer = 0;
    let changes = 0;
    let isCut = false;

    /** Keeps a span, or what it has become. */
    function keep(span: Span) {
      if (spans.has(span.spanId) || spans.size < KEPT) spans.set(span.spanId, span);
      else isCut = true;
    }

    function show(others: Partial<SpansState> = {}) {
      clearTimeout(timer);
      timer = 0;
      setState((old) => ({ ...old, ...others, changes, isCut, spans: [...spans.values()].sort(byStart) }));
    }

    function showSoon() {
      timer ||= setTimeout(show, COLLECTING);
    }

    async function read(atLeast: string) {
      setState(EMPTY);
      let after: string | null | undefined;
      do {
        const { data, problems } = await http.run(RunSpans, { run, atLeast, after }, controller.signal);
        const page = data?.spans;
        if (!page) return show({ problems, isComplete: true });
        page.nodes.forEach(keep);
        after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : undefined;
        showSoon();
      } while (after && !isCut);
      show({ isComplete: true });
      if (schema.hasSubscription("spans")) stop = follow(atLeast);
    }

    function follow(after: string) {
      return live.follow(SpanTail, { run, after }, {
        next: ({ spans: message }) => {
          if (message.__typename !== "SpanChanged" || !message.span) return;
          if (message.kind === "UPDATED") changes += 1;
          keep(message.span);
          showSoon();
        },
        failed: (problems) => show({ problems }),
      });
    }

    read(position).catch(() => {});
    return () => {
      controller.abort();
      clearTimeout(timer);
      stop();
    };
    // A later position of the same run needs no other reading: what is new is followed.
  }, [http, live, run, position === undefined, attempt]);

  return state;
}
