import { linkTo, type PageState } from "../../address";
import { useConnection } from "../../api/hooks";
import { isDisconnected } from "../../api/live";
import { ViewStatuses } from "../../api/operations";
import type { Problem } from "../../api/problems";
import { GraphiqlLink } from "../../parts/links";
import { clock, duration } from "../../parts/moment";
import { Problems } from "../../parts/problems";
import { Text, visible } from "../../parts/text";
import { OBSTACLES } from "./obstacles";
import type { Generation, ViewStatus } from "./use-views";
import { ViewActions } from "./view-actions";

type Props = { views: ViewStatus[]; problems: Problem[]; state: PageState };

/** The views with their lag and their rebuilds. The name of one leads to why it is behind. */
export function ViewTable({ views, problems, state }: Props) {
  const connection = useConnection();
  return (
    <section aria-labelledby="views-title">
      <h2 id="views-title">Views</h2>
      <p>
        <GraphiqlLink operation={ViewStatuses} variables={{}} />
      </p>
      <Problems problems={problems} about="the views" />
      {isDisconnected(connection) && <p className="quiet">As of {clock(connection.since)}.</p>}
      {views.length > 0 && (
        <div className="scroll">
          <table>
            <thead>
              <tr>
                <th>view</th>
                <th className="number">lag</th>
                <th>state</th>
                <th>generations</th>
                <th>actions</th>
              </tr>
            </thead>
            <tbody>
              {views.map((view) => (
                <ViewRow key={view.name} view={view} state={state} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function ViewRow({ view, state }: { view: ViewStatus; state: PageState }) {
  const inProgress = view.generations.find(({ state }) => state === "BUILDING" || state === "HELD");
  const isSelected = state.view === view.name;
  return (
    <tr className={isSelected ? "selected" : undefined}>
      <th scope="row">
        <a href={linkTo("health", { ...state, view: view.name })} aria-current={isSelected ? "true" : undefined}>
          <Text>{view.name}</Text>
        </a>
      </th>
      <td className={view.lag ? "number behind" : "number"}>{view.lag.toLocaleString("en")}</td>
      <td>
        {view.obstacle && <p className="obstacle">{OBSTACLES[view.obstacle].title}</p>}
        {inProgress ? <Progress generation={inProgress} /> : !view.obstacle && "up to date"}
      </td>
      <td>
        {view.generations.map(({ number, state }) => (
          <span key={number} className={`badge state-${state.toLowerCase()}`}>
            {number} {state.toLowerCase()}
          </span>
        ))}
      </td>
      <td className="actions">
        <ViewActions view={view} />
      </td>
    </tr>
  );
}

/** How far a rebuild is, and what it waits for. */
export function Progress({ generation }: { generation: Generation }) {
  const { events, total, rate, secondsLeft, waitingFor, comparison, phase } = generation;
  return (
    <>
      <progress value={events} max={Math.max(total, events, 1)} aria-label="Events that are applied" />{" "}
      {phase?.toLowerCase()} {events.toLocaleString("en")} of {total.toLocaleString("en")}
      {rate > 0 && `, ${Math.round(rate).toLocaleString("en")} a second`}
      {secondsLeft != null && `, ${duration(secondsLeft)} left`}
      {waitingFor && `, waits for ${visible(waitingFor)}`}
      {comparison && (
        <p className="quiet">
          compared: {comparison.same} same, {comparison.different} different, {comparison.missing} missing,{" "}
          {comparison.extra} extra
        </p>
      )}
    </>
  );
}
