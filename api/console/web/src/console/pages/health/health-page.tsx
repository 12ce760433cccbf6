import { useContext } from "react";

import type { PageState } from "../../address";
import { useOperation } from "../../api/hooks";
import { DeploymentStatus } from "../../api/operations";
import { usePolling } from "../../api/polling";
import { GraphiqlLink } from "../../parts/links";
import { Problems } from "../../parts/problems";
import { Session } from "../../session";
import { DeadLetterTable } from "./dead-letter-table";
import { DeploymentFacts } from "./deployment-facts";
import { MetricPlots, useMetrics } from "./metric-plots";
import { ServerTable } from "./server-table";
import { useLetterCounts } from "./use-letter-counts";
import { useViews } from "./use-views";
import { ViewPanel } from "./view-panel";
import { ViewTable } from "./view-table";

/** Milliseconds between two readings of the state of the deployment. */
const INTERVAL = 5_000;

/** What keeps the deployment running: rates and lags, servers, views, and the events that views could not apply. */
export function HealthPage({ state }: { state: PageState }) {
  const { schema } = useContext(Session);
  const hasStatus = schema.hasQuery("deploymentStatus");
  const hasMetrics = schema.hasQuery("recentMetrics");
  const answer = useOperation(DeploymentStatus, hasStatus ? {} : null);
  usePolling(answer, INTERVAL);
  const recent = useMetrics(state, hasMetrics);
  const { views, problems: viewProblems } = useViews();
  const letters = useLetterCounts();
  const deployment = answer.data?.deploymentStatus ?? undefined;
  const chosen = views.find(({ name }) => name === state.view);
  return (
    <>
      <h1>Health</h1>
      {hasStatus && (
        <p>
          <GraphiqlLink operation={DeploymentStatus} variables={{}} />
        </p>
      )}
      <Problems problems={answer.problems} about="the state of the deployment" />
      <DeploymentFacts
        deployment={deployment}
        metrics={recent.metrics}
        views={views}
        letters={letters}
        state={state}
      />
      {chosen && <ViewPanel key={chosen.name} view={chosen} letters={letters?.byView.get(chosen.name) ?? 0} state={state} />}
      {chosen && schema.hasQuery("deadLetters") && <DeadLetterTable key={chosen.name} view={chosen.name} />}
      {hasMetrics && <MetricPlots {...recent} state={state} />}
      {(hasMetrics || hasStatus) && <ServerTable metrics={recent.metrics} deployment={deployment} />}
      {schema.hasQuery("viewStatus") && (
        <ViewTable views={views} letters={letters} problems={viewProblems} state={state} />
      )}
      {!chosen && schema.hasQuery("deadLetters") && <DeadLetterTable />}
    </>
  );
}
