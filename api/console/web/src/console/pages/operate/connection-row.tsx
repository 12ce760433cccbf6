import { useContext, useState } from "react";

import { EndConnection } from "../../api/operate";
import type { ConnectionsQuery } from "../../api/types";
import { Confirm } from "../../parts/confirm";
import { Moment } from "../../parts/moment";
import { bytes } from "../../parts/sizes";
import { Line, Text, visible } from "../../parts/text";
import { Session } from "../../session";

type Connection = NonNullable<ConnectionsQuery["connections"]>["nodes"][number];
type Operation = Connection["operations"][number];

/** The part of an id that names the connection on its server. */
function numberOf({ connectionId, server }: Connection): string {
  return connectionId.slice(server.length + 1);
}

/** A socket or stream: its caller, and what runs over it. */
export function ConnectionRow({ connection, reload }: { connection: Connection; reload(): void }) {
  const { http, schema } = useContext(Session);
  const [isAsked, setIsAsked] = useState(false);
  const { connectionId, server, kind, tenant, subject, roles, openedAt, operations, operationCount, waitingBytes } = connection;
  const name = visible(`${kind.toLowerCase()} ${numberOf(connection)} of ${subject ?? "a caller without credentials"}`);

  async function end(reason: string) {
    const { problems } = await http.run(EndConnection, { id: connectionId, reason });
    if (!problems.length) reload();
    return problems;
  }

  return (
    <tr>
      <th scope="row">
        {subject ? <Line>{subject}</Line> : <span className="quiet">no credentials</span>}
        <p className="quiet">
          in <Text>{[tenant, ...roles].join(", ")}</Text>
        </p>
      </th>
      <td>
        {kind.toLowerCase()} <Line>{numberOf(connection)}</Line>
        <p className="quiet">
          since <Moment at={openedAt} /> on <Line>{server}</Line>
        </p>
      </td>
      <td>
        {operations.length === 0 && <span className="quiet">none</span>}
        {operations.map((operation) => (
          <RunningOperation key={operation.operationId} operation={operation} />
        ))}
        {operationCount > operations.length && <p className="quiet">{operationCount - operations.length} more</p>}
      </td>
      <td className="number">{bytes(waitingBytes)}</td>
      <td className="actions">
        {schema.hasMutation("endConnection") && (
          <button type="button" onClick={() => setIsAsked(true)}>
            End<span className="hidden"> the {name}</span>
          </button>
        )}
        {isAsked && (
          <Confirm
            title={`End the ${name}`}
            effect={`${visible(server)} closes the connection, and its client receives the reason. The client may connect again; to refuse that, end the access of its subject.`}
            action="End the connection"
            asksReason={false}
            run={end}
            close={() => setIsAsked(false)}
          >
            <label>
              Reason, for the client
              <input name="reason" required maxLength={100} autoFocus autoComplete="off" />
            </label>
          </Confirm>
        )}
      </td>
    </tr>
  );
}

function RunningOperation({ operation: { name, document, lag } }: { operation: Operation }) {
  return (
    <details className="operation">
      <summary>
        {name ? <Line>{name}</Line> : <span className="quiet">without a name</span>}{" "}
        {lag != null && <span className={lag ? "behind" : "quiet"}>{lag.toLocaleString("en")} behind</span>}
      </summary>
      <pre tabIndex={0}>
        <Text short={2_000}>{document}</Text>
      </pre>
    </details>
  );
}
