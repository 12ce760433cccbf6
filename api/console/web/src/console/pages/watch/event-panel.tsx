import { useOperation } from "../../api/hooks";
import { EventDetail } from "../../api/operations";
import { useFocusedPart } from "../../parts/focus";
import { Json } from "../../parts/json";
import { EntityLink, Id, Severity, TraceLink } from "../../parts/links";
import { Moment } from "../../parts/moment";
import { Problems } from "../../parts/problems";
import { Text } from "../../parts/text";
import { eventLinkId } from "./event-row";

/** Everything about one event. */
export function EventPanel({ id, close }: { id: string; close(): void }) {
  const { data, problems, isLoading } = useOperation(EventDetail, { id });
  const event = data?.node?.__typename === "Event" ? data.node : undefined;
  const panel = useFocusedPart<HTMLElement>(eventLinkId(id));
  return (
    <section ref={panel} tabIndex={-1} className="panel" aria-label="Event" aria-busy={isLoading}>
      <button type="button" className="close" onClick={close}>
        close
      </button>
      <Problems problems={problems} about="this event" />
      {data && !event && !isLoading && <p>There is no event with this id that you may see.</p>}
      {event && (
        <>
          <h2>
            <Text>{event.type}</Text> <Severity value={event.severity} />
          </h2>
          <dl className="facts">
            <dt>stream</dt>
            <dd>
              <EntityLink id={event.stream} version={event.version} />
            </dd>
            <dt>happened</dt>
            <dd>
              <Moment at={event.time} />
            </dd>
            <dt>recorded</dt>
            <dd>
              <Moment at={event.recordedAt} />
            </dd>
            <dt>command</dt>
            <dd>
              <Text>{event.command}</Text>
            </dd>
            <dt>actor</dt>
            <dd>{event.actor ? <Text>{event.actor}</Text> : <span className="quiet">nobody signed in</span>}</dd>
            <dt>through</dt>
            <dd>
              <Text>{[event.source, event.authentication].filter(Boolean).join(", ") || "—"}</Text>
            </dd>
            <dt>correlation</dt>
            <dd>
              <TraceLink id={event.correlationId} />
            </dd>
            <dt>command id</dt>
            <dd>
              <Id>{event.commandId}</Id>
            </dd>
            {event.causationId && (
              <>
                <dt>causation</dt>
                <dd>
                  <Id>{event.causationId}</Id>
                </dd>
              </>
            )}
            <dt>event id</dt>
            <dd>
              <Id>{event.id}</Id>
            </dd>
          </dl>
          <h3>Data, revision {event.revision}</h3>
          <Json value={event.data} />
          {event.extensions != null && (
            <>
              <h3>Extensions of the CloudEvent</h3>
              <Json value={event.extensions} />
            </>
          )}
        </>
      )}
    </section>
  );
}
