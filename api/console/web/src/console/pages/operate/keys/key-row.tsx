import { type ReactNode, useContext } from "react";

import { EntityLink } from "../../../parts/links";
import { Moment } from "../../../parts/moment";
import { type Action, RowActions } from "../../../parts/row-actions";
import { Line, Text } from "../../../parts/text";
import { Session } from "../../../session";
import { type ApiKey, isUsable } from "./key-actions";
import { RotateKey } from "./rotate-key";

type Props = {
  apiKey: ApiKey;
  lastUsedAt: string | undefined;
  choice: ReactNode;
  actions: Action<ApiKey>[];
  reload(): void;
};

/** An API key, without its secret. */
export function KeyRow({ apiKey, lastUsedAt, choice, actions, reload }: Props) {
  const { schema } = useContext(Session);
  const { name, subject, roles, commands, issuedAt, issuedBy } = apiKey;

  return (
    <tr>
      {choice}
      <th scope="row">
        <Line>{name}</Line>
        <br />
        <EntityLink id={apiKey._meta.key} />
      </th>
      <td>
        {subject === apiKey._meta.key ? <span className="quiet">the key itself</span> : <Line>{subject}</Line>}
      </td>
      <td>
        {roles.length ? <Text>{roles.join(", ")}</Text> : <span className="quiet">none</span>}
        {commands && (
          <p className="quiet">
            only <Text>{commands.join(", ") || "no command"}</Text>
          </p>
        )}
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
        <RowActions item={apiKey} name={name} actions={actions} reload={reload} />
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
