import { Moment } from "../../parts/moment";
import { figure } from "../../parts/plot-scale";
import { Line } from "../../parts/text";
import type { Deployment } from "./deployment-facts";
import type { Metrics } from "./metric-plots";

type Props = { metrics: Metrics | undefined; deployment: Deployment | undefined };

/** The servers that report their counts, and the workers that have leases. */
export function ServerTable({ metrics, deployment }: Props) {
  const running = metrics?.runningServers ?? [];
  const leases = new Map(deployment?.workers.map((worker) => [worker.name, worker.leases]));
  const names = new Set(running.filter(({ role }) => role === "WORKER").map(({ name }) => name));
  const silent = [...leases].filter(([name]) => !names.has(name));
  return (
    <section aria-labelledby="servers-title">
      <h2 id="servers-title">Servers</h2>
      <div className="scroll" tabIndex={0} role="region" aria-label="All servers">
        <table>
          <thead>
            <tr>
              <th>server</th>
              <th>role</th>
              <th>started</th>
              <th>last report</th>
              <th className="number">commands/s</th>
              <th className="number">events/s</th>
              <th className="number">deliveries/s</th>
              <th className="number">subscriptions</th>
              <th className="number">sockets</th>
              <th className="number">leases</th>
            </tr>
          </thead>
          <tbody>
            {running.map((server) => (
              <tr key={`${server.role} ${server.name} ${server.startedAt}`}>
                <th scope="row">
                  <Line>{server.name}</Line>
                </th>
                <td>{server.role === "API" ? "API" : "worker"}</td>
                <td>
                  <Moment at={server.startedAt} />
                </td>
                <td>
                  <Moment at={server.reportedAt} isClock />
                </td>
                <td className="number">{figure(server.commandsPerSecond)}</td>
                <td className="number">{figure(server.eventsPerSecond)}</td>
                <td className="number">{figure(server.deliveriesPerSecond)}</td>
                <td className="number">{figure(server.subscriptions)}</td>
                <td className="number">{figure(server.sockets)}</td>
                <td className="number">{server.role === "WORKER" ? figure(leases.get(server.name)) : ""}</td>
              </tr>
            ))}
            {silent.map(([name, count]) => (
              <tr key={name}>
                <th scope="row">
                  <Line>{name}</Line>
                </th>
                <td>worker</td>
                <td colSpan={7} className="quiet">
                  does not report; its leases end by themselves unless it extends them
                </td>
                <td className="number">{figure(count)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
