import { useContext, useEffect, useState } from "react";

import { useOperation, useSubscription, useThrottled } from "../../api/hooks";
import { EventTail, LatestEvent, Versions } from "../../api/operations";
import type { Problem } from "../../api/problems";
import type { VersionsQuery } from "../../api/types";
import { Session } from "../../session";

export type EntityVersion = NonNullable<VersionsQuery["versions"]>[number];

/** How many versions are listed at once. */
const PAGE = 50;
/** The version before the first one of a page is mostly among so many numbers before it. */
const OVERLAP = 20;

/** Returns the latest version of a stream, which grows as events are stored; undefined while it is not read. */
export function useLatestVersion(id: string): { latest: number | undefined; problems: Problem[] } {
  const { schema } = useContext(Session);
  const { data, problems } = useOperation(LatestEvent, schema.hasQuery("events") ? { stream: id } : null);
  const [followed, setFollowed] = useState(0);
  const last = data?.events?.nodes[0];
  const tailProblems = useSubscription(
    EventTail,
    last && schema.hasSubscription("events") ? { filter: { streams: [id] }, after: last.position } : null,
    ({ events }) => events.__typename === "Event" && setFollowed(events.version),
  );
  return { latest: data && Math.max(last?.version ?? 0, followed), problems: [...problems, ...tailProblems] };
}

export type History = {
  /** The version that the number belongs to; undefined while it is not read. */
  selected: EntityVersion | undefined;
  /** Where the version before it ends; null before the first one, undefined while it is not read. */
  previous: { version: number; position: string } | null | undefined;
  /** The versions around it, in their order. */
  page: EntityVersion[];
  problems: Problem[];
  isLoading: boolean;
};

/** Reads the versions around one. A version is that after a command, so a number inside belongs to the next one. */
export function useHistory(id: string, number: number | undefined): History {
  const { schema } = useContext(Session);
  const start = number === undefined ? 0 : Math.floor((number - 1) / PAGE) * PAGE;
  const variables = { id, after: Math.max(0, start - OVERLAP), first: PAGE + OVERLAP };
  const { data, problems, isLoading, reload } = useOperation(
    Versions,
    number !== undefined && number > 0 && schema.hasQuery("versions") ? variables : null,
  );
  const page = data?.versions ?? [];
  const isRead = number !== undefined && data !== undefined && !isLoading;
  const isBehind = isRead && (page.at(-1)?.version ?? 0) < number;
  const index = isBehind ? page.length - 1 : isRead ? page.findIndex(({ version }) => version >= number) : -1;
  const selected = page[index];

  // The last page grows with the stream; until it is read again its last version stands for those that are missing.
  const reloadSoon = useThrottled(reload);
  useEffect(() => {
    if (isBehind) reloadSoon();
  }, [isBehind, number]);

  const earlier = page[index - 1] ?? (variables.after === 0 ? null : undefined);
  const isBeforePage = selected && earlier === undefined && schema.hasQuery("events");
  const before = useOperation(LatestEvent, isBeforePage ? { stream: id, before: selected.position } : null);
  const last = before.isLoading ? undefined : before.data?.events?.nodes;
  return {
    selected,
    previous: selected && (earlier === undefined ? last && (last[0] ?? null) : earlier),
    page,
    problems: [...problems, ...before.problems],
    isLoading: isLoading || before.isLoading,
  };
}
