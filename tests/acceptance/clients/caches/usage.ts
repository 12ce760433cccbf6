// Uses the types that graphql-codegen makes; it is compiled, and not run.
import type { HistoryQuery, LiveSubscription, NowQuery, RowsQuery, TaskFilter, TaskStatus } from "./types";

type Message = NonNullable<LiveSubscription["tasks"]>;

export function describe(message: Message): string {
  switch (message.__typename) {
    case "TasksSnapshot":
      return `${message.tasks.length} rows${message.hasMore ? ", and more" : ""} at ${message.position}`;
    case "TaskChanged":
      return `${message.kind} ${message.rowId}: ${message.task?.status ?? "gone"}`;
    default:
      return message.position;
  }
}

export function statuses(history: HistoryQuery, now: NowQuery): (TaskStatus | undefined)[] {
  const past = history.taskHistory?.nodes.map((entry) => entry.after?.status) ?? [];
  return [...past, now.task?.status];
}

export const names = (rows: RowsQuery): string[] => rows.meters?.nodes.map((meter) => meter.name) ?? [];

export const filter: TaskFilter = { and: [{ status: { in: ["CREATED"] } }, { agentId: { eq: null } }] };

// @ts-expect-error: a root field may be null.
export const id = (now: NowQuery): string => now.task.id;
