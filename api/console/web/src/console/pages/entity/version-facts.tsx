import { useContext } from "react";

import { useOperation } from "../../api/hooks";
import { VersionEvents } from "../../api/operations";
import { Json } from "../../parts/json";
import { Id, Severity, TraceLink } from "../../parts/links";
import { Moment } from "../../parts/moment";
import { Problems } from "../../parts/problems";
import { Text } from "../../parts/text";
import { Session } from "../../session";
import type { EntityVersion } from "./use-history";

type Props = {
  id: string;
  version: EntityVersion;
  /** The position of the version before; undefined for the first one. */
  after: string | undefined;
};

/** Who made a version, when, by which command, and the events that it consists of. */
export function VersionFacts({ id, version, after }: Props) {
  const { schema } = useContext(Session);
  const variables = { stream: id, after, first: version.types.length };
  const { data, problems, isLoading } = useOperation(VersionEvents, schema.hasQuery("events") ? variables : null);
  return (
    <section aria-labelledby="version-title" aria-busy={isLoading}>
      <h2 id="version-title">Version {version.version}</h2>
      <dl className="facts">
        <dt>command</dt>
        <dd>{version.command}</dd>
        <dt>actor</dt>
        <dd>{version.actor ? <Text>{version.actor}</Text> : <span className="quiet">nobody signed in</span>}</dd>
        <dt>happened</dt>
        <dd>
          <Moment at={version.time} />
        </dd>
        <dt>recorded</dt>
        <dd>
          <Moment at={version.recordedAt} />
        </dd>
        <dt>command id</dt>
        <dd>
          <Id>{version.commandId}</Id>
        </dd>
        <dt>correlation</dt>
        <dd>
          <TraceLink id={version.correlationId} />
        </dd>
      </dl>
      <Problems problems={problems} about="the events of this version" />
      {data?.events?.nodes.map((event) => (
        <div key={event.id} className="event">
          <h3>
            <Text>{event.type}</Text> <Severity value={event.severity} />
          </h3>
          <Json value={event.data} />
        </div>
      ))}
    </section>
  );
}
