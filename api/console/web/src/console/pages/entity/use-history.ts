import { useContext, useMemo, useState } from "react";

import { useOperation, useSubscription } from "../../api/hooks";
import { EventTail, LatestEvent, Versions } from "../../api/operations";
import type { Problem } from "../../api/problems";
import type { VersionsQuery } from "../../api/types";
import { Session } from "../../session";

export type EntityVersion = NonNullable<VersionsQuery["versions"]>[number];

/** How many versions are listed at once. */
const PAGE = 50;
/** A version of several events ends up to so many numbers after the one before it. */
const OVERLAP = 20;

/** Returns the latest version of a stream, which grows as events are stored; undefined while it is not read. */
export function useLatestVersion(id: string): { latest: number | undefined; problems: Problem[] } {
  const { schema } = useContext(Session);
  const { data, problems } = useOperation(LatestEvent, schema.hasQuery("events") ? { stream: id } : null);
  const [followed, setFollowed] = useState(0);
  const last = data?.events?.nodes[0];
  useSubscription(
    EventTail,
    last && schema.hasSubscription("events") ? { filter: { streams: [id] }, after: last.position } : null,
    ({ events }) => events.__typename === "Event" && setFollowed(events.version),
  );
  return { latest: data && Math.max(last?.version ?? 0, followed), problems };
}

export type History = {
  /** The version that the number belongs to, and the one before it; undefined while they are not read. */
  selected: EntityVersion | undefined;
  previous: EntityVersion | undefined;
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
  const { data, problems, isLoading } = useOperation(
    Versions,
    number !== undefined && number > 0 && schema.hasQuery("versions") ? variables : null,
  );
  return useMemo(() => {
    const page = data?.versions ?? [];
    const index = number === undefined ? -1 : page.findIndex(({ version }) => version >= number);
    return { selected: page[index], previous: page[index - 1], page, problems, isLoading };
  }, [data, number, problems, isLoading]);
}
