import { useContext } from "react";

import { linkTo, open, type PageState } from "../../address";
import { useOperation, useSubscription, useThrottled } from "../../api/hooks";
import { Processes, ProcessTail } from "../../api/operations";
import { ExportMenu } from "../../parts/export-menu";
import { GraphiqlLink } from "../../parts/links";
import { Problems } from "../../parts/problems";
import { SelectableTable } from "../../parts/selectable-table";
import { Session } from "../../session";
import { MatchingActions } from "./matching-actions";
import { type Process, processName, useProcessActions } from "./process-actions";
import { ProcessFilterForm, toFilter } from "./process-filter";
import { processReport } from "./process-report";
import { ProcessRow } from "./process-row";
import { ProcessStepsPanel } from "./process-steps";

const idOf = ({ id }: Process) => id;

/** The instances of processes, those that changed last first; without a choice, those that have not ended. */
export function ProcessesPage({ state }: { state: PageState }) {
  const { schema } = useContext(Session);
  const filter = toFilter(state);
  const { data, problems, reload } = useOperation(Processes, { filter, after: state.after });
  const reloadSoon = useThrottled(reload);
  const tailProblems = useSubscription(
    ProcessTail,
    schema.hasSubscription("processes") ? { filter } : null,
    ({ processes }) => processes.__typename === "ProcessChanged" && reloadSoon(),
  );
  const processes = data?.processes?.nodes;
  const page = data?.processes?.pageInfo;
  const actions = useProcessActions();
  const shown = processes?.find(({ _meta }) => _meta.key === state.id);
  return (
    <>
      <h1>Processes</h1>
      <ProcessFilterForm key={JSON.stringify(filter)} state={state} />
      <GraphiqlLink operation={Processes} variables={{ filter }} />{" "}
      {processes && (
        <ExportMenu
          build={async () => ({ report: processReport(state.status ?? "not ended", processes), problems: [] })}
        />
      )}
      <Problems problems={[...problems, ...tailProblems]} about="the processes" />
      {state.id && (
        <ProcessStepsPanel
          key={state.id}
          id={state.id}
          listed={shown}
          actions={actions}
          reload={reload}
          close={() => open(linkTo("processes", { ...state, id: undefined }), { replace: true })}
        />
      )}
      {processes?.length === 0 && <p className="empty">No process matches.</p>}
      <SelectableTable
        noun={{ one: "process", several: "processes" }}
        items={processes}
        idOf={idOf}
        nameOf={processName}
        actions={actions}
        moreActions={page?.hasNextPage && <MatchingActions filter={filter} actions={actions} reload={reload} />}
        reload={reload}
        head={
          <>
            <th>process</th>
            <th>status</th>
            <th>waits for</th>
            <th>error</th>
            <th>changed</th>
            <th>trace</th>
            <th>actions</th>
          </>
        }
        renderRow={(process, choice) => (
          <ProcessRow
            key={process.id}
            process={process}
            state={state}
            choice={choice}
            actions={actions}
            reload={reload}
          />
        )}
      />
      {page?.hasNextPage && <a href={linkTo("processes", { ...state, after: page.endCursor })}>Next page</a>}
    </>
  );
}
