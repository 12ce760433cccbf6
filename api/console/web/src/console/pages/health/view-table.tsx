import { linkTo, type PageState } from "../../address";
import { useConnection } from "../../api/hooks";
import { isDisconnected } from "../../api/live";
import { ViewStatuses } from "../../api/operations";
import type { Problem } from "../../api/problems";
import { counted } from "../../parts/counted";
import { GraphiqlLink } from "../../parts/links";
import { clock, duration } from "../../parts/moment";
import { Problems } from "../../parts/problems";
import { Text, visible } from "../../parts/text";
import { OBSTACLES } from "./obstacles";
import type { LetterCounts } from "./use-letter-counts";
import { type Generation, obstacleOf, type ViewStatus } from "./use-views";
import { ViewActions } from "./view-actions";

type Props = { views: ViewStatus[]; letters: LetterCounts | undefined; problems: Problem[]; state: PageState };

/** The views with their lag and their rebuilds. The name of one leads to why it is behind. */
export function ViewTable({ views, letters, problems, state }: Props) {
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
              {[...views].sort(byTrouble(letters)).map((view) => (
                <ViewRow
                  key={view.name}
                  view={view}
                  letters={letters?.byView.get(view.name) ?? 0}
                  state={state}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

/** Orders those first of which somebody has to know; the others stay in their order. */
function byTrouble(letters: LetterCounts | undefined) {
  const hasTrouble = (view: ViewStatus) => obstacleOf(view) !== null || letters?.byView.has(view.name) === true;
  return (one: ViewStatus, other: ViewStatus) => Number(hasTrouble(other)) - Number(hasTrouble(one));
}

function ViewRow({ view, letters, state }: { view: ViewStatus; letters: number; state: PageState }) {
  const inProgress = view.generations.find(({ state }) => state === "BUILDING" || state === "HELD");
  const obstacle = obstacleOf(view);
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
        {obstacle && <p className="obstacle">{OBSTACLES[obstacle].title}</p>}
        {letters > 0 && <p className="obstacle">{counted(letters, "dead letter")}</p>}
        {inProgress ? <Progress generation={inProgress} /> : !obstacle && !letters && "up to date"}
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
          <Comparison comparison={comparison} />
        </p>
      )}
    </>
  );
}

type ComparisonProps = { comparison: NonNullable<Generation["comparison"]> };

/** How the rows of a rebuild differ from those that were read before. */
export function Comparison({ comparison: { same, different, missing, extra } }: ComparisonProps) {
  return `rows compared: ${same} same, ${different} different, ${missing} missing, ${extra} extra`;
}
