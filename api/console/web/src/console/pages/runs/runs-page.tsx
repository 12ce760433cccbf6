import { useContext } from "react";

import { linkTo, type PageState } from "../../address";
import { Session } from "../../session";
import { RunDayTable } from "./run-day-table";
import { RunList } from "./run-list";

/** The runs of agents, or what they used on each day. */
export function RunsPage({ state }: { state: PageState }) {
  const { schema } = useContext(Session);
  const showsDays = state.show === "days";
  const kept = { agent: state.agent, model: state.model };
  return (
    <>
      <h1>Runs of agents</h1>
      {schema.hasQuery("runDays") && (
        <nav aria-label="What is shown of the runs" className="tabs">
          <a href={linkTo("runs", kept)} aria-current={showsDays ? undefined : "page"}>
            Single runs
          </a>
          <a href={linkTo("runs", { ...kept, show: "days" })} aria-current={showsDays ? "page" : undefined}>
            Totals by day
          </a>
        </nav>
      )}
      {showsDays ? <RunDayTable state={state} /> : <RunList state={state} />}
    </>
  );
}
