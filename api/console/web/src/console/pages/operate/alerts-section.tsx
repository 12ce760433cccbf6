import { type FormEvent, useContext } from "react";

import type { PageState } from "../../address";
import { useOperation, useSubscription, useThrottled } from "../../api/hooks";
import { Alerts, AlertTail } from "../../api/operate";
import type { AlertFilter, AlertState } from "../../api/types";
import { GraphiqlLink } from "../../parts/links";
import { Problems } from "../../parts/problems";
import { SelectableTable } from "../../parts/selectable-table";
import { Session } from "../../session";
import { SEVERITIES } from "../watch/conditions";
import { type Alert, useAlertActions } from "./alert-actions";
import { AlertRow } from "./alert-row";
import { linkToSection, openSection } from "./section-link";

const STATES: AlertState[] = ["OPEN", "ACKNOWLEDGED", "RESOLVED"];

const idOf = ({ id }: Alert) => id;
const nameOf = ({ key }: Alert) => key;

/** The alerts, as they are raised and change, those seen last first; without a choice, those that are not resolved. */
export function AlertsSection({ state }: { state: PageState }) {
  const { schema } = useContext(Session);
  const filter = toFilter(state);
  const { data, problems, reload } = useOperation(Alerts, { filter, after: state.after });
  const reloadSoon = useThrottled(reload);
  const tailProblems = useSubscription(
    AlertTail,
    schema.hasSubscription("alerts") ? { filter } : null,
    ({ alerts }) => alerts.__typename === "AlertChanged" && reloadSoon(),
  );
  const alerts = data?.alerts?.nodes;
  const page = data?.alerts?.pageInfo;
  const actions = useAlertActions();
  return (
    <>
      <AlertFilterForm key={JSON.stringify(filter)} state={state} />
      <GraphiqlLink operation={Alerts} variables={{ filter }} />
      <Problems problems={[...problems, ...tailProblems]} about="the alerts" />
      {alerts?.length === 0 && <p className="empty">No alert matches. New ones appear here.</p>}
      <SelectableTable
        noun={{ one: "alert", several: "alerts" }}
        items={alerts}
        idOf={idOf}
        nameOf={nameOf}
        actions={actions}
        reload={reload}
        head={
          <>
            <th>severity</th>
            <th>alert</th>
            <th>state</th>
            <th className="number">times</th>
            <th>last</th>
            <th>actions</th>
          </>
        }
        renderRow={(alert, choice) => (
          <AlertRow key={alert.id} alert={alert} choice={choice} actions={actions} reload={reload} />
        )}
      />
      {page?.hasNextPage && <a href={linkToSection("alerts", { ...state, after: page.endCursor ?? "" })}>Next page</a>}
    </>
  );
}

function toFilter({ state, severities }: PageState): AlertFilter {
  const chosen = STATES.find((each) => each === state);
  const named = severities?.split(",") ?? [];
  const severe = SEVERITIES.filter((severity) => named.includes(severity));
  return {
    state: { in: chosen ? [chosen] : ["OPEN", "ACKNOWLEDGED"] },
    ...(severe.length ? { severity: { in: severe } } : {}),
  };
}

function AlertFilterForm({ state }: { state: PageState }) {
  const severities = new Set(state.severities?.split(","));

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    openSection("alerts", { state: String(form.get("state")), severities: form.getAll("severities").join(",") });
  }

  return (
    <form className="filters" onSubmit={submit}>
      <label>
        State
        <select
          name="state"
          defaultValue={state.state ?? ""}
          onChange={({ currentTarget }) => currentTarget.form?.requestSubmit()}
        >
          <option value="">not resolved</option>
          {STATES.map((each) => (
            <option key={each} value={each}>
              {each.toLowerCase()}
            </option>
          ))}
        </select>
      </label>
      <fieldset>
        <legend>Severities</legend>
        {SEVERITIES.map((severity) => (
          <label key={severity}>
            <input type="checkbox" name="severities" value={severity} defaultChecked={severities.has(severity)} />
            {severity.toLowerCase()}
          </label>
        ))}
      </fieldset>
      <menu>
        <button type="submit">Apply</button>
        <a href={linkToSection("alerts")}>Clear</a>
      </menu>
    </form>
  );
}
