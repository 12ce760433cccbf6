import { useContext, useState } from "react";

import { useConnection, useOperation, useSubscription } from "../../api/hooks";
import type { Operation } from "../../api/http";
import { isDisconnected } from "../../api/live";
import {
  CancelRebuild,
  ForgetGenerations,
  RebuildView,
  ResumeRebuild,
  SwitchView,
  ViewStatuses,
  ViewStatusTail,
} from "../../api/operations";
import type { ViewStatusesQuery } from "../../api/types";
import { Confirm } from "../../parts/confirm";
import { GraphiqlLink } from "../../parts/links";
import { clock, duration } from "../../parts/moment";
import { Problems } from "../../parts/problems";
import { Session } from "../../session";

type ViewStatus = NonNullable<ViewStatusesQuery["viewStatus"]>[number];
type Generation = ViewStatus["generations"][number];

/** An action on a view, as it is offered and asked about. */
type Action = {
  mutation: string;
  name: string;
  effect: string;
  operation: Operation<unknown, { name: string }>;
  isOffered(states: Set<Generation["state"]>): boolean;
};

const ACTIONS: Action[] = [
  {
    mutation: "rebuildView",
    name: "Rebuild",
    effect: "Workers build its rows again from the log, beside those that are read, compare both and switch.",
    operation: RebuildView,
    isOffered: (states) => !states.has("BUILDING") && !states.has("HELD"),
  },
  {
    mutation: "cancelRebuild",
    name: "Cancel rebuild",
    effect: "Workers stop building the new rows. The rebuild can be resumed.",
    operation: CancelRebuild,
    isOffered: (states) => states.has("BUILDING") || states.has("HELD"),
  },
  {
    mutation: "resumeRebuild",
    name: "Resume rebuild",
    effect: "Workers go on building the rows where they stopped.",
    operation: ResumeRebuild,
    isOffered: (states) => states.has("CANCELLED"),
  },
  {
    mutation: "switchView",
    name: "Switch",
    effect: "Queries read the new rows from then on, in spite of the reason for which they are held.",
    operation: SwitchView,
    isOffered: (states) => states.has("HELD"),
  },
  {
    mutation: "forgetGenerations",
    name: "Forget earlier rows",
    effect: "The rows that are no longer read are deleted. They cannot be switched back to.",
    operation: ForgetGenerations,
    isOffered: (states) => states.has("KEPT"),
  },
];

/** The views with their lag and their rebuilds, as they change. */
export function ViewTable() {
  const { schema } = useContext(Session);
  const { data, problems } = useOperation(ViewStatuses, {});
  const [changed, setChanged] = useState<ReadonlyMap<string, ViewStatus>>(new Map());
  const connection = useConnection();
  const tailProblems = useSubscription(
    ViewStatusTail,
    schema.hasSubscription("viewStatus") ? {} : null,
    ({ viewStatus }) => setChanged((views) => new Map(views).set(viewStatus.name, viewStatus)),
  );
  const views = (data?.viewStatus ?? []).map((view) => changed.get(view.name) ?? view);
  return (
    <section aria-labelledby="views-title">
      <h2 id="views-title">Views</h2>
      <p>
        <GraphiqlLink operation={ViewStatuses} variables={{}} />
      </p>
      <Problems problems={[...problems, ...tailProblems]} about="the views" />
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
                <ViewRow key={view.name} view={view} />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function ViewRow({ view }: { view: ViewStatus }) {
  const { http, schema } = useContext(Session);
  const [asked, setAsked] = useState<Action>();
  const states = new Set(view.generations.map(({ state }) => state));
  const inProgress = view.generations.find(({ state }) => state === "BUILDING" || state === "HELD");
  const actions = ACTIONS.filter((action) => action.isOffered(states) && schema.hasMutation(action.mutation));
  return (
    <tr>
      <th scope="row">{view.name}</th>
      <td className={view.lag ? "number behind" : "number"}>{view.lag.toLocaleString("en")}</td>
      <td>{inProgress ? <Progress generation={inProgress} /> : view.lag ? "behind the log" : "up to date"}</td>
      <td>
        {view.generations.map(({ number, state }) => (
          <span key={number} className={`badge state-${state.toLowerCase()}`}>
            {number} {state.toLowerCase()}
          </span>
        ))}
      </td>
      <td className="actions">
        {actions.map((action) => (
          <button key={action.name} type="button" onClick={() => setAsked(action)}>
            {action.name}
            <span className="hidden"> {view.name}</span>
          </button>
        ))}
        {asked && (
          <Confirm
            title={`${asked.name}: ${view.name}`}
            effect={asked.effect}
            action={asked.name}
            asksReason={false}
            run={async () => (await http.run(asked.operation, { name: view.name })).problems}
            close={() => setAsked(undefined)}
          />
        )}
      </td>
    </tr>
  );
}

function Progress({ generation }: { generation: Generation }) {
  const { events, total, rate, secondsLeft, waitingFor, comparison, phase } = generation;
  return (
    <>
      <progress value={events} max={Math.max(total, events, 1)} aria-label="Events that are applied" />{" "}
      {phase?.toLowerCase()} {events.toLocaleString("en")} of {total.toLocaleString("en")}
      {rate > 0 && `, ${Math.round(rate).toLocaleString("en")} a second`}
      {secondsLeft != null && `, ${duration(secondsLeft)} left`}
      {waitingFor && `, waits for ${waitingFor}`}
      {comparison && (
        <p className="quiet">
          compared: {comparison.same} same, {comparison.different} different, {comparison.missing} missing,{" "}
          {comparison.extra} extra
        </p>
      )}
    </>
  );
}
