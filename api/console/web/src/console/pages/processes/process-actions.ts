import { useContext } from "react";

import type { Operation } from "../../api/http";
import { CancelProcesses, ResumeProcesses, RetryProcesses } from "../../api/operate";
import { CancelProcess, ResumeProcess, RetryProcess } from "../../api/operations";
import type { ProcessesQuery, ProcessFilter, ProcessStatus } from "../../api/types";
import type { Action } from "../../parts/row-actions";
import { visible } from "../../parts/text";
import { Session } from "../../session";

export type Process = NonNullable<ProcessesQuery["processes"]>["nodes"][number];

/** What became of an action on all instances that meet a filter, as far as one request goes. */
type Outcome = { changed: number; refused: { processId: string; message: string }[]; hasMore: boolean };
type Outcomes = { [mutation: string]: Outcome | null | undefined };

/** An action on instances of processes. `all` does it to those that meet a filter. */
export type ProcessAction = Action<Process> & {
  statuses: ProcessStatus[];
  all: Operation<Outcomes, { filter: ProcessFilter; reason: string }>;
  allName: string;
};

type Declared = Omit<ProcessAction, "run" | "isOffered" | "asksReason" | "all"> & {
  mutation: string;
  operation: Operation<unknown, { input: { id: string; reason: string } }>;
  all: Operation<unknown, { filter: ProcessFilter; reason: string }>;
};

const ACTIONS: Declared[] = [
  {
    mutation: "retryProcess",
    name: "Retry",
    allName: "retryProcesses",
    effect: "A process tries again what has failed, under the same ids.",
    statuses: ["STUCK"],
    operation: RetryProcess,
    all: RetryProcesses,
  },
  {
    mutation: "resumeProcess",
    name: "Resume",
    allName: "resumeProcesses",
    effect: "A process goes on without what has failed, such as after it was done by hand.",
    statuses: ["STUCK"],
    operation: ResumeProcess,
    all: ResumeProcesses,
  },
  {
    mutation: "cancelProcess",
    name: "Cancel",
    allName: "cancelProcesses",
    effect: "A process ends now. What it has done is not undone.",
    confirmation: "Cancel the process",
    statuses: ["RUNNING", "COMPENSATING", "STUCK"],
    operation: CancelProcess,
    all: CancelProcesses,
  },
];

export function processName({ kind, key }: Process): string {
  return visible(`${kind} ${key}`);
}

/** Returns what the caller can do about processes. */
export function useProcessActions(): ProcessAction[] {
  const { http, schema } = useContext(Session);
  return ACTIONS.filter(({ mutation }) => schema.hasMutation(mutation)).map((action) => ({
    ...action,
    all: action.all as ProcessAction["all"],
    asksReason: true,
    isOffered: ({ status }) => action.statuses.includes(status),
    run: async ({ id }, reason) => (await http.run(action.operation, { input: { id, reason } })).problems,
  }));
}
