import type { FormEvent } from "react";

import type { PageState } from "../../address";
import { useOperation } from "../../api/hooks";
import { Connections } from "../../api/operate";
import { usePolling } from "../../api/polling";
import { counted } from "../../parts/counted";
import { GraphiqlLink } from "../../parts/links";
import { Problems } from "../../parts/problems";
import { bytes } from "../../parts/sizes";
import { Line } from "../../parts/text";
import { ConnectionRow } from "./connection-row";
import { linkToSection, openSection } from "./section-link";

/** The open sockets and streams of all servers that answer, those with the most bytes waiting first. */
export function ConnectionsSection({ state: { subject } }: { state: PageState }) {
  const answer = useOperation(Connections, { subject });
  usePolling(answer);
  const { data, problems, reload } = answer;
  const { servers, nodes } = data?.connections ?? {};
  const total = servers?.reduce((sum, { connectionCount }) => sum + connectionCount, 0) ?? 0;

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const text = String(new FormData(event.currentTarget).get("subject") ?? "").trim();
    openSection("connections", { subject: text });
  }

  return (
    <>
      <form className="filters" onSubmit={submit} key={subject}>
        <label>
          Subject
          <input name="subject" defaultValue={subject} placeholder="ada" autoComplete="off" spellCheck={false} />
        </label>
        <menu>
          <button type="submit">Apply</button>
          <a href={linkToSection("connections")}>Clear</a>
        </menu>
      </form>
      <GraphiqlLink operation={Connections} variables={{ subject }} />
      <Problems problems={problems} about="the connections" />
      {servers && (
        <section aria-labelledby="servers-title">
          <h2 id="servers-title">Servers that have answered</h2>
          <ul className="names">
            {servers.map(({ name, connectionCount, operationCount, waitingBytes }) => (
              <li key={name}>
                <Line>{name}</Line>{" "}
                <span className="quiet">
                  {counted(connectionCount, "connection")}, {counted(operationCount, "operation")}, {bytes(waitingBytes)}{" "}
                  waiting
                </span>
              </li>
            ))}
          </ul>
        </section>
      )}
      {nodes?.length === 0 && <p className="empty">No connection is open{subject && " of this subject"}.</p>}
      {nodes && nodes.length > 0 && (
        <section aria-labelledby="connections-title">
          <h2 id="connections-title">
            {nodes.length === total
              ? counted(total, "connection")
              : `${nodes.length} of ${counted(total, "connection")}, those with the most bytes waiting`}
          </h2>
          <div className="scroll">
            <table>
              <thead>
                <tr>
                  <th>caller</th>
                  <th>connection</th>
                  <th>operations, with the positions that they are behind the log</th>
                  <th className="number">waiting</th>
                  <th>actions</th>
                </tr>
              </thead>
              <tbody>
                {nodes.map((connection) => (
                  <ConnectionRow key={connection.connectionId} connection={connection} reload={reload} />
                ))}
              </tbody>
            </table>
          </div>
        </section>
      )}
    </>
  );
}
