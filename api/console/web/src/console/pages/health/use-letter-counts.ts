import { useContext } from "react";

import { useOperation } from "../../api/hooks";
import { DeadLetters } from "../../api/operations";
import { usePolling } from "../../api/polling";
import { Session } from "../../session";

/** Milliseconds between two readings. */
const INTERVAL = 5_000;

/** The dead letters of each view by its name. `isCut`: there are more, which are not counted. */
export type LetterCounts = { byView: ReadonlyMap<string, number>; isCut: boolean };

/** Counts the dead letters again and again, as far as one page has them; undefined if the caller may not see them. */
export function useLetterCounts(): LetterCounts | undefined {
  const { schema } = useContext(Session);
  const answer = useOperation(DeadLetters, schema.hasQuery("deadLetters") ? {} : null);
  usePolling(answer, INTERVAL);
  const letters = answer.data?.deadLetters;
  if (!letters) return undefined;
  const byView = new Map<string, number>();
  for (const { view } of letters.nodes) byView.set(view, (byView.get(view) ?? 0) + 1);
  return { byView, isCut: letters.pageInfo.hasNextPage };
}
