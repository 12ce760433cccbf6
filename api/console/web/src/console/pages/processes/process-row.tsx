import { useContext, useState } from "react";

import type { Operation } from "../../api/http";
import { CancelProcess, ResumeProcess, RetryProcess } from "../../api/operations";
import type { Problem } from "../../api/problems";
import type { ProcessesQuery, ProcessStatus } from "../../api/types";
import { Confirm } from "../../parts/confirm";
import { EntityLink, TraceLink } from "../../parts/links";
import { Moment } from "../../parts/moment";
import { Text } from "../../parts/text";
import { Session } from "../../session";

type Process = NonNullable<ProcessesQuery["processes"]>["nodes"][number];

type Action = {
  mutation: string;
  name: string;
  effect: string;
  statuses: ProcessStatus[];
  operation: Operation<unknown, { input: { id: string; reason: string } }>;
};

const ACTIONS: Action[] = [
  {
    mutation: "retryProcess",
    name: "Retry",
    effect: "The process tries again what has failed, under the same ids.",
    statuses: ["STUCK"],
    operation: RetryProcess,
  },
  {
    mutation: "resumeProcess",
    name: "Resume",
    effect: "The process goes on without what has failed, such as after it was done by hand.",
    statuses: ["STUCK"],
    operation: ResumeProcess,
  },
  {
    mutation: "cancelProcess",
    name: "Cancel",
    effect: "The process ends now. What it has done is not undone.",
    statuses: ["RUNNING", "COMPENSATING", "STUCK"],
    operation: CancelProcess,
  },
];

/** One instance of a process, with what an operator can do about it. */
export function ProcessRow({ process, reload }: { process: Process; reload(): void }) {
  const { http, schema } = useContext(Session);
  const [asked, setAsked] = useState<Action>();
  const name = `${process.kind} ${process.key}`;

  async function run(action: Action, reason: string): Promise<Problem[]> {
    const { problems } = await http.run(action.operation, { input: { id: process.id, reason } });
    if (!problems.length) reload();
    return problems;
  }

  return (
    <tr>
      <th scope="row">
        <EntityLink id={process._meta.key} />
      </th>
      <td>
        <span className={`badge process-${process.status.toLowerCase()}`}>{process.status.toLowerCase()}</span>
      </td>
      <td>
        <Text>{process.stuckOn ?? process.waitingFor.join(", ")}</Text>
        {process.nextDeadline && (
          <p className="quiet">
            until <Moment at={process.nextDeadline} />
          </p>
        )}
      </td>
      <td>
        {process.errorCode && <strong>{process.errorCode}</strong>}{" "}
        <Text>{process.error ?? process.endReason ?? ""}</Text>
      </td>
      <td>
        <Moment at={process.updatedAt} />
      </td>
      <td>
        <TraceLink id={process.correlationId} />
      </td>
      <td className="actions">
        {ACTIONS.filter((action) => action.statuses.includes(process.status) && schema.hasMutation(action.mutation)).map(
          (action) => (
            <button key={action.name} type="button" onClick={() => setAsked(action)}>
              {action.name}
              <span className="hidden"> {name}</span>
            </button>
          ),
        )}
        {asked && (
          <Confirm
            title={`${asked.name}: ${name}`}
            effect={asked.effect}
            action={asked.name === "Cancel" ? "Cancel the process" : asked.name}
            asksReason
            run={(reason) => run(asked, reason)}
            close={() => setAsked(undefined)}
          />
        )}
      </td>
    </tr>
  );
}
