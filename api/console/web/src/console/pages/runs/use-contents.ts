import { useContext, useEffect, useState } from "react";

import { useEpoch } from "../../api/hooks";
import { SpanContents } from "../../api/operations";
import type { Problem } from "../../api/problems";
import { Session } from "../../session";
import type { SpanContent } from "./content";
import type { Span } from "./span";

/** What is known of the content of a span: nothing yet, or that the caller may not see it, or that it is erased. */
export type ContentState = SpanContent | "reading" | "hidden" | "erased";

export type Contents = { of(span: Span): ContentState | undefined; problems: Problem[] };

type Known = { contents: ReadonlyMap<string, SpanContent | null>; problems: Problem[]; isHidden: boolean };

const NOTHING: Known = { contents: new Map(), problems: [], isHidden: false };

/** How many contents are read at once: they may be long. */
const AT_ONCE = 20;

/** Reads the contents of spans, again when one of them has changed. */
export function useContents(spans: Span[], changes: number): Contents {
  const { http, rows } = useContext(Session);
  const [known, setKnown] = useState(NOTHING);
  const epoch = useEpoch();
  const wanted = spans.filter(({ hasContent }) => hasContent).map(({ id }) => id);
  const key = wanted.join();

  useEffect(() => setKnown(NOTHING), [http, changes, epoch]);

  useEffect(() => {
    const controller = new AbortController();
    const missing = wanted.filter((id) => !known.contents.has(id)).slice(0, AT_ONCE);
    if (!missing.length || known.isHidden || known.problems.length) return;

    async function read() {
      if (!(await rows.hasField("Span", "content"))) return setKnown({ ...NOTHING, isHidden: true });
      const { data, problems } = await http.run(SpanContents, { ids: missing }, controller.signal);
      // A span that is not in the answer is not visible any longer.
      const contents = new Map<string, SpanContent | null>(missing.map((id) => [id, null]));
      data?.spans?.nodes.forEach(({ id, content }) => contents.set(id, content as SpanContent | null));
      setKnown((old) => ({ ...old, problems, contents: new Map([...old.contents, ...(data?.spans ? contents : [])]) }));
    }

    read().catch(() => {});
    return () => controller.abort();
  }, [http, rows, key, known]);

  return {
    problems: known.problems,
    of: ({ id, hasContent }) => {
      if (!hasContent) return undefined;
      if (known.isHidden) return "hidden";
      const content = known.contents.get(id);
      return content === undefined ? "reading" : (content ?? "erased");
    },
  };
}
