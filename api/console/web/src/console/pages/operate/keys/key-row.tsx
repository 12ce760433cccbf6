import { useContext, useState } from "react";

import type { BulkAction } from "../../../parts/bulk-actions";
import { Confirm } from "../../../parts/confirm";
import { EntityLink } from "../../../parts/links";
import { Moment } from "../../../parts/moment";
import { Choose, type Selection } from "../../../parts/selection";
import { Line, Text, visible } from "../../../parts/text";
import { Session } from "../../../session";
import { type ApiKey, isUsable } from "./key-actions";
import { RotateKey } from "./rotate-key";

type Props = {
  apiKey: ApiKey;
  lastUsedAt: string | undefined;
  actions: BulkAction<ApiKey>[];
  selection: Selection<ApiKey>;
  reload(): void;
};

/** An API key, without its secret. */
export function KeyRow({ apiKey, lastUsedAt, actions, selection, reload }: Props) {
  const { schema } = useContext(Session);
  const [asked, setAsked] = useState<BulkAction<ApiKey>>();
  const { name, subject, roles, commands, issuedAt, issuedBy } = apiKey;

  async function run(action: BulkAction<ApiKey>, reason: string) {
    const problems = await action.run(apiKey, reason);
    if (!problems.length) reload();
    return problems;
  }

  return (
    <tr>
      {actions.length > 0 && (
        <td>
          <Choose item={apiKey} name={name} selection={selection} />
        </td>
      )}
      <th scope="row">
        <Line>{name}</Line>
        <br />
        <EntityLink id={apiKey._meta.key} />
      </th>
      <td>
        {subject === apiKey._meta.key ? <span className="quiet">the key itself</span> : <Line>{subject}</Line>}
      </td>
      <td>
        {roles.join(", ") || <span className="quiet">none</span>}
        {commands && <p className="quiet">only {commands.join(", ") || "no command"}</p>}
      </td>
      <td>
        <KeyState apiKey={apiKey} />
      </td>
      <td>{lastUsedAt ? <Moment at={lastUsedAt} /> : <span className="quiet">never</span>}</td>
      <td>
        <Moment at={issuedAt} />
        {issuedBy && (
          <p className="quiet">
            by <Text>{issuedBy}</Text>
          </p>
        )}
      </td>
      <td className="actions">
        {isUsable(apiKey) && schema.hasMutation("rotateApiKey") && <RotateKey apiKey={apiKey} reload={reload} />}
        {actions
          .filter((action) => action.isOffered(apiKey))
          .map((action) => (
            <button key={action.name} type="button" onClick={() => setAsked(action)}>
              {action.name}
              <span className="hidden"> {visible(name)}</span>
            </button>
          ))}
        {asked && (
          <Confirm
            title={`${asked.name}: ${name}`}
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

function KeyState({ apiKey }: { apiKey: ApiKey }) {
  const { revokedAt, revokeReason, expiresAt, oldValidUntil } = apiKey;
  if (revokedAt)
    return (
      <>
        <span className="badge key-revoked">revoked</span>
        <p className="quiet">
          <Moment at={revokedAt} /> <Text>{revokeReason ?? ""}</Text>
        </p>
      </>
    );
  return (
    <>
      <span className={isUsable(apiKey) ? "badge key-valid" : "badge key-revoked"}>
        {isUsable(apiKey) ? "valid" : "expired"}
      </span>
      {expiresAt && (
        <p className="quiet">
          until <Moment at={expiresAt} />
        </p>
      )}
      {oldValidUntil && Date.parse(oldValidUntil) > Date.now() && (
        <p className="quiet">
          its old secret until <Moment at={oldValidUntil} />
        </p>
      )}
    </>
  );
}
