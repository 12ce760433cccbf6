import type { ReactNode } from "react";

import { linkTo, type PageState } from "../../address";
import { EntityLink } from "../../parts/links";
import { Moment } from "../../parts/moment";
import { RowActions } from "../../parts/row-actions";
import { Text } from "../../parts/text";
import { type Process, type ProcessAction, processName } from "./process-actions";

type Props = {
  process: Process;
  state: PageState;
  choice: ReactNode;
  actions: ProcessAction[];
  reload(): void;
};

/** One instance of a process, with what an operator can do about it. */
export function ProcessRow({ process, state, choice, actions, reload }: Props) {
  const name = processName(process);
  const isSelected = state.id === process._meta.key;

  return (
    <tr className={isSelected ? "selected" : undefined}>
      {choice}
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
        <a href={linkTo("trace", { id: process.correlationId })}>
          Trace<span className="hidden"> of {name}</span>
        </a>
      </td>
      <td className="actions">
        <a
          href={linkTo("processes", { ...state, id: process._meta.key })}
          aria-current={isSelected ? "true" : undefined}
        >
          Steps<span className="hidden"> of {name}</span>
        </a>
        <RowActions item={process} name={name} actions={actions} reload={reload} />
      </td>
    </tr>
  );
}
