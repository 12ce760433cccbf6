import { useContext, useEffect, useState } from "react";

import { useEpoch } from "../../api/hooks";
import { SpanContents } from "../../api/operations";
import type { Problem } from "../../api/problems";
import { Session } from "../../session";
import type { SpanContent } from "./content";
import type { Span } from "./span";

/** The content of a span, or why there is none: it is still read, the caller may not see it, or it was erased. */
export type ContentState = SpanContent | "reading" | "hidden" | "erased";

export type Contents = { of(span: Span): ContentState | undefined; problems: Problem[] };

type ContentCache = { contents: ReadonlyMap<string, SpanContent | null>; problems: Problem[]; isHidden: boolean };

const NOTHING: ContentCache = { contents: new Map(), problems: [], isHidden: false };

/** How many contents are read at once: they may be long. */
const AT_ONCE = 20;

/** Reads the contents of spans, again when one of them has changed. */
export function useContents(spans: Span[], changes: number): Contents {
  const { http, rows } = useContext(Session);
  const [cache, setCache] = useState(NOTHING);
  const epoch = useEpoch();
  const ids = spans.filter(({ hasContent }) => hasContent).map(({ id }) => id);
  const key = ids.join();

  useEffect(() => setCache(NOTHING), [http, changes, epoch]);

  useEffect(() => {
    const controller = new AbortController();
    const missing = ids.filter((id) => !cache.contents.has(id)).slice(0, AT_ONCE);
    if (!missing.length || cache.isHidden || cache.problems.length) return;

    async function read() {
      if (!(await rows.hasField("Span", "content"))) return setCache({ ...NOTHING, isHidden: true });
      const { data, problems } = await http.run(SpanContents, { ids: missing }, controller.signal);
      // A span that is not in the answer is not visible any longer.
      const contents = new Map<string, SpanContent | null>(missing.map((id) => [id, null]));
      data?.spans?.nodes.forEach(({ id, content }) => contents.set(id, content as SpanContent | null));
      setCache((old) => ({ ...old, problems, contents: new Map([...old.contents, ...(data?.spans ? contents : [])]) }));
    }

    read().catch(() => {});
    return () => controller.abort();
  }, [http, rows, key, cache]);

  return {
    problems: cache.problems,
    of: ({ id, hasContent }) => {
      if (!hasContent) return undefined;
      if (cache.isHidden) return "hidden";
      const content = cache.contents.get(id);
      return content === undefined ? "reading" : (content ?? "erased");
    },
  };
}
