import { useContext } from "react";

import { linkTo } from "../../address";
import { useOperation } from "../../api/hooks";
import { VersionEvents } from "../../api/operations";
import { Json } from "../../parts/json";
import { Id, Severity, TraceLink } from "../../parts/links";
import { Moment } from "../../parts/moment";
import { Problems } from "../../parts/problems";
import { Text } from "../../parts/text";
import { Session } from "../../session";
import { ANY_STATUS } from "../processes/process-filter";
import type { EntityVersion, History } from "./use-history";

/** How many events of a version are shown. */
const SHOWN = 100;

type Props = {
  id: string;
  version: EntityVersion;
  previous: History["previous"];
};

/** Who made a version, when, by which command, and the events that it consists of. */
export function VersionFacts({ id, version, previous }: Props) {
  const { schema } = useContext(Session);
  const count = version.version - (previous?.version ?? 0);
  const variables = { stream: id, after: previous?.position, first: Math.min(count, SHOWN) };
  const isReadable = previous !== undefined && schema.hasQuery("events");
  const { data, problems, isLoading } = useOperation(VersionEvents, isReadable ? variables : null);
  const events = isLoading ? undefined : data?.events?.nodes;
  return (
    <section aria-labelledby="version-title" aria-busy={isLoading || previous === undefined}>
      <h2 id="version-title">Version {version.version}</h2>
      <dl className="facts">
        <dt>command</dt>
        <dd>
          <Text>{version.command}</Text>
        </dd>
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
          {schema.hasQuery("processes") && (
            <>
              {" "}
              · <a href={linkTo("processes", { status: ANY_STATUS, correlation: version.correlationId })}>its processes</a>
            </>
          )}
        </dd>
      </dl>
      <Problems problems={problems} about="the events of this version" />
      {events?.map((event) => (
        <div key={event.id} className="event">
          <h3>
            <Text>{event.type}</Text> <Severity value={event.severity} />
          </h3>
          <Json value={event.data} />
        </div>
      ))}
      {events && count > SHOWN && (
        <p className="quiet">
          The first {SHOWN} of {count.toLocaleString("en")} events are shown.
        </p>
      )}
    </section>
  );
}
