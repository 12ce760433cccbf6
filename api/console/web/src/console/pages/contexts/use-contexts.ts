import { useContext } from "react";

import { useOperation } from "../../api/hooks";
import { Activity, Contexts } from "../../api/operations";
import { usePolling } from "../../api/polling";
import type { Problem } from "../../api/problems";
import type { ActivityQuery, ContextsQuery } from "../../api/types";
import { Session } from "../../session";

export type Context = NonNullable<ContextsQuery["contexts"]>[number];

type Counts = NonNullable<ActivityQuery["recentMetrics"]>;
export type CommandCount = Counts["commandCounts"][number];
export type EventCount = Counts["eventCounts"][number];

/** What was counted since the servers started, by class of command and type of event. */
export type Activities = {
  commands: ReadonlyMap<string, CommandCount>;
  events: ReadonlyMap<string, EventCount>;
};

/** Milliseconds between two reports of a server. */
const INTERVAL = 5_000;

type Answer = { contexts: Context[] | undefined; activities: Activities | undefined; problems: Problem[] };

/** Returns the contexts, and what they do where the caller may read metrics. */
export function useContexts(): Answer {
  const { schema } = useContext(Session);
  const { data, problems } = useOperation(Contexts, {});
  const counted = useOperation(Activity, schema.hasQuery("recentMetrics") ? {} : null);
  usePolling(counted, INTERVAL);
  const counts = counted.data?.recentMetrics;
  return {
    contexts: data?.contexts ?? undefined,
    activities: counts ? toActivities(counts) : undefined,
    problems: [...problems, ...counted.problems],
  };
}

function toActivities({ commandCounts, eventCounts }: Counts): Activities {
  return {
    commands: new Map(commandCounts.map((count) => [count.name, count])),
    events: new Map(eventCounts.map((count) => [count.type, count])),
  };
}

/** The contexts that react to the events of one, or read them. */
export type Followers = { processes: string[]; policies: string[]; views: string[] };

/** Returns what follows a context: processes and policies that react to its events, and views of other contexts. */
export function followersOf({ events, policies, alsoReadBy }: Context, contexts: Context[]): Followers {
  const types = new Set(events.map(({ type }) => type));
  const processes = contexts.filter(({ reactsTo }) => reactsTo.some((type) => types.has(type)));
  return { processes: processes.map(({ name }) => name), policies, views: alsoReadBy };
}

/** Returns the sum of a number of several things, of which some were not counted. */
export function sum(numbers: (number | undefined)[]): number {
  return numbers.reduce<number>((total, number) => total + (number ?? 0), 0);
}
