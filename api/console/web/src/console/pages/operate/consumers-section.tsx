import { useOperation } from "../../api/hooks";
import { Consumers } from "../../api/operate";
import { usePolling } from "../../api/polling";
import type { ConsumersQuery } from "../../api/types";
import { counted } from "../../parts/counted";
import { GraphiqlLink } from "../../parts/links";
import { duration } from "../../parts/moment";
import { Problems } from "../../parts/problems";
import { Line, Text } from "../../parts/text";

type Consumer = NonNullable<ConsumersQuery["consumers"]>[number];
type Partition = Consumer["partitions"][number];

/** What follows the log: how far it is, and which worker has which partition. */
export function ConsumersSection() {
  const answer = useOperation(Consumers, {});
  usePolling(answer);
  const { data, problems } = answer;
  const consumers = data?.consumers;
  return (
    <>
      <p className="quiet">
        A consumer is a view, a process, a policy, a webhook or a stream in Redis. A worker keeps a partition by its
        lease; when the lease ends, another worker takes the partition.{" "}
        <GraphiqlLink operation={Consumers} variables={{}} />
      </p>
      <Problems problems={problems} about="the consumers" />
      {consumers && <Workers consumers={consumers} />}
      {consumers && consumers.length > 0 && (
        <section aria-labelledby="consumers-title">
          <h2 id="consumers-title">Consumers, those furthest behind first</h2>
          <div className="scroll" role="group" aria-labelledby="consumers-title" tabIndex={0}>
            <table>
              <thead>
                <tr>
                  <th>consumer</th>
                  <th className="number">lag</th>
                  <th className="number">partition</th>
                  <th className="number">its lag</th>
                  <th>worker</th>
                  <th className="number">lease</th>
                  <th>failures</th>
                </tr>
              </thead>
              <tbody>
                {consumers.map((consumer) =>
                  consumer.partitions.map((partition, index) => (
                    <tr key={`${consumer.name} ${partition.number}`}>
                      {index === 0 && (
                        <>
                          <th scope="row" rowSpan={consumer.partitions.length}>
                            <Line>{consumer.name}</Line>
                            {consumer.retired && <Retired name={consumer.name} />}
                          </th>
                          <td
                            rowSpan={consumer.partitions.length}
                            className={consumer.lag && !consumer.retired ? "number behind" : "number"}
                          >
                            {consumer.lag.toLocaleString("en")}
                          </td>
                        </>
                      )}
                      <PartitionCells partition={partition} retired={consumer.retired} />
                    </tr>
                  )),
                )}
              </tbody>
            </table>
          </div>
        </section>
      )}
    </>
  );
}

/** Says that nobody runs a consumer, and how it is removed. */
function Retired({ name }: { name: string }) {
  const view = /^view\.(.+)/.exec(name)?.[1];
  return (
    <p className="quiet">
      retired: not in the settings, and run by no worker
      {view && (
        <>
          ; <code>nerve views drop {view}</code> removes it
        </>
      )}
    </p>
  );
}

function PartitionCells({ partition, retired }: { partition: Partition; retired: boolean }) {
  const { number, lag, owner, leaseSeconds, failures, error, blockedBy } = partition;
  return (
    <>
      <td className="number">{number}</td>
      <td className="number">{lag.toLocaleString("en")}</td>
      <td>
        {owner ? <Line>{owner}</Line> : <span className={retired ? "quiet" : "behind"}>no worker has it</span>}
      </td>
      <td className="number">{owner && duration(leaseSeconds)}</td>
      <td>
        {failures > 0 && (
          <>
            {failures} in a row, the last: <Text>{error ?? ""}</Text>
          </>
        )}
        {blockedBy && (
          <p>
            blocked: <Text>{blockedBy}</Text>
          </p>
        )}
      </td>
    </>
  );
}

/** The processes that work on consumers, by the partitions that they have. */
function Workers({ consumers }: { consumers: Consumer[] }) {
  const partitions = new Map<string, number>();
  for (const { owner } of consumers.flatMap((consumer) => consumer.partitions))
    if (owner) partitions.set(processOf(owner), (partitions.get(processOf(owner)) ?? 0) + 1);
  return (
    <section aria-labelledby="workers-title">
      <h2 id="workers-title">Workers</h2>
      {partitions.size === 0 ? (
        <p className="problem">
          No worker is running, so views, processes and webhooks stand still. Start one with <code>nerve worker</code>.
        </p>
      ) : (
        <ul className="names">
          {[...partitions].sort().map(([owner, count]) => (
            <li key={owner}>
              <Line>{owner}</Line> <span className="quiet">{counted(count, "partition")}</span>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** Returns the host and the process id of an owner: a process takes leases under several names. */
function processOf(owner: string): string {
  return owner.split(":").slice(0, -1).join(":");
}
