import { useContext } from "react";

import { Session } from "../../session";
import { DeadLetterTable } from "./dead-letter-table";
import { ViewTable } from "./view-table";

/** What keeps the deployment running: the views with their lag, and the events that they could not apply. */
export function HealthPage() {
  const { schema } = useContext(Session);
  return (
    <>
      <h1>Health</h1>
      {schema.hasQuery("viewStatus") && <ViewTable />}
      {schema.hasQuery("deadLetters") && <DeadLetterTable />}
    </>
  );
}
