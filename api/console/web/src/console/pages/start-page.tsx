import { useContext } from "react";

import { linkTo } from "../address";
import { useOperation, useSubscription, useThrottled } from "../api/hooks";
import { EventTail, RecentEvents } from "../api/operations";
import { EntityLink, GraphiqlLink, Severity, TraceLink } from "../parts/links";
import { Moment } from "../parts/moment";
import { Problems } from "../parts/problems";
import { Text } from "../parts/text";
import { Session } from "../session";
import { Attention } from "./attention";
import { EmptyLog } from "./empty-log";

const SHOWN = 20;

/** The first page: what happened last, or how to begin. */
export function StartPage() {
  const { schema } = useContext(Session);
  const { data, problems, isLoading, reload } = useOperation(RecentEvents, { last: SHOWN });
  const reloadSoon = useThrottled(reload);
  const tailProblems = useSubscription(
    EventTail,
    schema.hasSubscription("events") ? {} : null,
    ({ events }) => events.__typename === "Event" && reloadSoon(),
  );
  const events = data?.events?.nodes.toReversed();
  if (isLoading && !events) return <p className="loading">Reading the log…</p>;
  if (events?.length === 0) return <EmptyLog />;
  return (
    <>
      <Attention />
      <h1>What happened last</h1>
      <Problems problems={[...problems, ...tailProblems]} about="the events of the log" />
      {events && (
        <div className="scroll">
          <table>
            <thead>
              <tr>
                <th>time</th>
                <th>event</th>
                <th>stream</th>
                <th>command</th>
                <th>actor</th>
                <th>correlation</th>
              </tr>
            </thead>
            <tbody>
              {events.map((event) => (
                <tr key={event.id}>
                  <td>
                    <Moment at={event.time} />
                  </td>
                  <td>
                    <Text>{event.type}</Text> <Severity value={event.severity} />
                  </td>
                  <td>
                    <EntityLink id={event.stream} version={event.version} />
                  </td>
                  <td>
                    <Text>{event.command}</Text>
                  </td>
                  <td>{event.actor && <Text>{event.actor}</Text>}</td>
                  <td>
                    <TraceLink id={event.correlationId} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <p>
        <a href={linkTo("watch")}>Watch events as they happen</a> ·{" "}
        <GraphiqlLink operation={RecentEvents} variables={{ last: SHOWN }} />
      </p>
    </>
  );
}
