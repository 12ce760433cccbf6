import { useContext } from "react";

import { linkTo } from "../address";
import { useOperation, useSubscription, useThrottled } from "../api/hooks";
import { EventTail, RecentEvents } from "../api/operations";
import { EntityLink, Severity, TraceLink } from "../parts/links";
import { Moment } from "../parts/moment";
import { Problems } from "../parts/problems";
import { Text } from "../parts/text";
import { Session } from "../session";

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
                  <td>{event.command}</td>
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
        <a href={linkTo("watch")}>Watch events as they happen</a>
      </p>
    </>
  );
}

function EmptyLog() {
  const { http } = useContext(Session);
  return (
    <>
      <h1>The log is empty</h1>
      <p>Nothing has happened yet, or nothing that you may see. Three ways to begin:</p>
      <ol className="ways">
        <li>
          <h2>Create the first entity</h2>
          <p>
            <a href={new URL("graphiql", http.url).href}>GraphiQL</a> has a mutation ready that creates a task, and a
            subscription that shows it.
          </p>
        </li>
        <li>
          <h2>Import a log</h2>
          <p>A process log as CSV or XES, CloudEvents, or an export of another nerve:</p>
          <pre>nerve import process-log.csv</pre>
        </li>
        <li>
          <h2>Run the demo</h2>
          <p>Simulated agents that work on tasks for a minute:</p>
          <pre>nerve demo --duration 60</pre>
        </li>
      </ol>
    </>
  );
}
