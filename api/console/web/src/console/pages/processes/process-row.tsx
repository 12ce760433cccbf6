import { useState } from "react";

import { linkTo, type PageState } from "../../address";
import { Confirm } from "../../parts/confirm";
import { EntityLink, TraceLink } from "../../parts/links";
import { Moment } from "../../parts/moment";
import { Choose, type Selection } from "../../parts/selection";
import { Text } from "../../parts/text";
import { type Process, type ProcessAction, processName } from "./process-actions";

type Props = {
  process: Process;
  state: PageState;
  actions: ProcessAction[];
  selection: Selection<Process>;
  reload(): void;
};

/** One instance of a process, with what an operator can do about it. */
export function ProcessRow({ process, state, actions, selection, reload }: Props) {
  const [asked, setAsked] = useState<ProcessAction>();
  const name = processName(process);
  const isSelected = state.id === process._meta.key;

  async function run(action: ProcessAction, reason: string) {
    const problems = await action.run(process, reason);
    if (!problems.length) reload();
    return problems;
  }

  return (
    <tr className={isSelected ? "selected" : undefined}>
      {actions.length > 0 && (
        <td>
          <Choose item={process} name={name} selection={selection} />
        </td>
      )}
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
        {process.errorCode && (
          <strong>
            <Text>{process.errorCode}</Text>
          </strong>
        )}{" "}
        <Text>{process.error ?? process.endReason ?? ""}</Text>
      </td>
      <td>
        <Moment at={process.updatedAt} />
      </td>
      <td>
        <TraceLink id={process.correlationId} />
      </td>
      <td className="actions">
        <a
          href={linkTo("processes", { ...state, id: process._meta.key })}
          aria-current={isSelected ? "true" : undefined}
        >
          Steps<span className="hidden"> of {name}</span>
        </a>
        {actions
          .filter((action) => action.isOffered(process))
          .map((action) => (
            <button key={action.name} type="button" onClick={() => setAsked(action)}>
              {action.name}
              <span className="hidden"> {name}</span>
            </button>
          ))}
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
