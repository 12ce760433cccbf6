import { useContext, useEffect, useState } from "react";

import { type FirstEntity, findFirstEntity } from "../api/first-entity";
import { GraphiqlLink } from "../parts/links";
import { Session } from "../session";

/** How to begin where nothing has happened yet. */
export function EmptyLog() {
  return (
    <>
      <h1>The log is empty</h1>
      <p>Nothing has happened yet, or nothing that you may see. Three ways to begin:</p>
      <ol className="ways">
        <li>
          <h2>Create the first entity</h2>
          <CreateEntity />
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

function CreateEntity() {
  const { http, schema } = useContext(Session);
  const [first, setFirst] = useState<FirstEntity>();
  useEffect(() => void findFirstEntity(http, schema).then(setFirst), [http, schema]);
  if (!first)
    return (
      <p>
        Send a mutation in <a href={new URL("graphiql", http.url).href}>GraphiQL</a>, which lists all that there are.
      </p>
    );
  return (
    <>
      <p>
        The mutation <code>{first.mutation}</code> creates one. It opens with an input that it accepts; run it there, and
        its event appears here.
      </p>
      <p>
        <GraphiqlLink operation={first.operation} variables={first.variables} />
      </p>
    </>
  );
}
