import { useState } from "react";

import type { BulkAction } from "../../parts/bulk-actions";
import { Confirm } from "../../parts/confirm";
import { Json } from "../../parts/json";
import { EntityLink, Severity } from "../../parts/links";
import { Moment } from "../../parts/moment";
import { Choose, type Selection } from "../../parts/selection";
import { Text, visible } from "../../parts/text";
import type { Alert } from "./alert-actions";

type Props = { alert: Alert; actions: BulkAction<Alert>[]; selection: Selection<Alert>; reload(): void };

/** An alert, with who takes care of it or why it is over. */
export function AlertRow({ alert, actions, selection, reload }: Props) {
  const [asked, setAsked] = useState<BulkAction<Alert>>();

  async function run(action: BulkAction<Alert>, reason: string) {
    const problems = await action.run(alert, reason);
    if (!problems.length) reload();
    return problems;
  }

  return (
    <tr>
      {actions.length > 0 && (
        <td>
          <Choose item={alert} name={alert.key} selection={selection} />
        </td>
      )}
      <td>
        <Severity value={alert.severity} />
      </td>
      <th scope="row">
        <EntityLink id={alert.id} />
        <p className="message">
          <Text>{alert.message}</Text>
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
        {actions
          .filter((action) => action.isOffered(alert))
          .map((action) => (
            <button key={action.name} type="button" onClick={() => setAsked(action)}>
              {action.name}
              <span className="hidden"> {visible(alert.key)}</span>
            </button>
          ))}
        {asked && (
          <Confirm
            title={`${asked.name}: ${alert.key}`}
            effect={asked.effect}
            action={asked.name}
            asksReason
            run={(reason) => run(asked, reason)}
            close={() => setAsked(undefined)}
          />
        )}
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
