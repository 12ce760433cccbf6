import { useContext } from "react";

import { linkTo, type PageState } from "../../address";
import { useOperation, useSubscription, useThrottled } from "../../api/hooks";
import { Runs, RunTail } from "../../api/operations";
import { EntityLink, GraphiqlLink } from "../../parts/links";
import { duration, Moment } from "../../parts/moment";
import { Problems } from "../../parts/problems";
import { Line, Text } from "../../parts/text";
import { Session } from "../../session";
import { Cost, count } from "./figures";
import { type Run, runLink, runName } from "./run";
import { RunFilterForm } from "./run-filter-form";
import { toRunFilter, toRunOrder } from "./run-filters";
import { RunStateBadge } from "./run-state-badge";

const PAGE = 50;

/** The runs that the filters of the address select, read again when one of them changes. */
export function RunList({ state }: { state: PageState }) {
  const { schema } = useContext(Session);
  const filter = toRunFilter(state);
  const variables = { filter, orderBy: toRunOrder(state), first: PAGE, after: state.after };
  const { data, problems, isLoading, reload } = useOperation(Runs, variables);
  const reloadSoon = useThrottled(reload);
  const tailProblems = useSubscription(
    RunTail,
    schema.hasSubscription("runs") ? { filter } : null,
    ({ runs }) => runs.__typename === "AgentRunChanged" && reloadSoon(),
  );
  const runs = data?.runs?.nodes;
  const page = data?.runs?.pageInfo;
  return (
    <>
      <RunFilterForm key={JSON.stringify(state)} state={state} />
      <p>
        <GraphiqlLink operation={Runs} variables={variables} />
      </p>
      <Problems problems={[...problems, ...tailProblems]} about="the runs of agents" />
      {isLoading && !runs && <p className="loading">Reading the runs…</p>}
      {runs?.length === 0 && (
        <p className="empty">
          {filter
            ? "No run matches these filters."
            : "No run has been recorded yet. Agents send their traces to /v1/traces."}
        </p>
      )}
      {runs && runs.length > 0 && <RunTable runs={runs} />}
      {page?.hasNextPage && <a href={linkTo("runs", { ...state, after: page.endCursor })}>Next page</a>}
    </>
  );
}

function RunTable({ runs }: { runs: Run[] }) {
  return (
    <div className="scroll">
      <table className="runs">
        <thead>
          <tr>
            <th>run</th>
            <th>state</th>
            <th>agent</th>
            <th>began</th>
            <th className="number">duration</th>
            <th className="number">cost</th>
            <th className="number">errors</th>
            <th className="number">tokens</th>
            <th className="number">calls</th>
            <th>models</th>
            <th>for</th>
          </tr>
        </thead>
        <tbody>
          {runs.map((run) => (
            <RunRow key={run.id} run={run} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function RunRow({ run }: { run: Run }) {
  const references = [run.taskId, run.workflowId].filter((id) => id !== null);
  return (
    <tr>
      <th scope="row">
        <a href={runLink(run.id)} title={run.id}>
          <Line>{runName(run)}</Line>
        </a>
      </th>
      <td>
        <RunStateBadge state={run.state} />
      </td>
      <td>{run.agentName && <Text>{run.agentName}</Text>}</td>
      <td>
        <Moment at={run.startedAt} />
      </td>
      <td className="number">{duration(run.durationSeconds)}</td>
      <td className="number">
        <Cost value={run.cost} />
      </td>
      <td className={run.errors ? "number behind" : "number"}>{count(run.errors)}</td>
      <td className="number">
        <div>{count(run.inputTokens)} in</div>
        <div>{count(run.outputTokens)} out</div>
      </td>
      <td className="number">
        <div>{count(run.modelCalls)} model</div>
        <div>{count(run.toolCalls)} tool</div>
      </td>
      <td>
        {run.models.map((model) => (
          <div key={model}>
            <Line>{model}</Line>
          </div>
        ))}
      </td>
      <td>
        {references.map((id) => (
          <EntityLink key={id} id={id} />
        ))}
      </td>
    </tr>
  );
}
