import type { ReactNode } from "react";

import { Json } from "../../parts/json";
import { EntityLink, Severity } from "../../parts/links";
import { Moment } from "../../parts/moment";
import { type Action, RowActions } from "../../parts/row-actions";
import { Description, Text } from "../../parts/text";
import type { Alert } from "./alert-actions";

type Props = { alert: Alert; choice: ReactNode; actions: Action<Alert>[]; reload(): void };

/** An alert, with who takes care of it or why it is over. */
export function AlertRow({ alert, choice, actions, reload }: Props) {
  return (
    <tr>
      {choice}
      <td>
        <Severity value={alert.severity} />
      </td>
      <th scope="row">
        <EntityLink id={alert.id} />
        <p className="message">
          <Description>{alert.message}</Description>
        </p>
        {alert.details != null && <Json value={alert.details} level={2} />}
      </th>
      <td>
        <AlertState alert={alert} />
      </td>
      <td className="number">{alert.occurrences.toLocaleString("en")}</td>
      <td className="moments">
        <Moment at={alert.lastSeen} />
        <p className="quiet">
          first <Moment at={alert.firstSeen} />
        </p>
      </td>
      <td className="actions">
        <RowActions item={alert} name={alert.key} actions={actions} reload={reload} />
      </td>
    </tr>
  );
}

function AlertState({ alert }: { alert: Alert }) {
  const { state, acknowledgedBy, acknowledgedAt, note, resolvedAt, resolveReason } = alert;
  return (
    <>
      <span className={`badge alert-${state.toLowerCase()}`}>{state.toLowerCase()}</span>
      {state === "ACKNOWLEDGED" && acknowledgedAt && (
        <p className="quiet">
          <Moment at={acknowledgedAt} /> {acknowledgedBy && <Text>{`by ${acknowledgedBy}`}</Text>}{" "}
          <Text>{note ?? ""}</Text>
        </p>
      )}
      {state === "RESOLVED" && resolvedAt && (
        <p className="quiet">
          <Moment at={resolvedAt} /> <Text>{resolveReason ?? ""}</Text>
        </p>
      )}
    </>
  );
}
