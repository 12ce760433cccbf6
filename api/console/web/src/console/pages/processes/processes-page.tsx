import { useContext } from "react";

import { linkTo, open, type PageState } from "../../address";
import { useOperation, useSubscription, useThrottled } from "../../api/hooks";
import { Processes, ProcessTail } from "../../api/operations";
import type { ProcessFilter, ProcessStatus } from "../../api/types";
import { ExportMenu } from "../../parts/export-menu";
import { GraphiqlLink } from "../../parts/links";
import { Problems } from "../../parts/problems";
import { Session } from "../../session";
import { processReport } from "./process-report";
import { ProcessRow } from "./process-row";

const UNFINISHED: ProcessStatus[] = ["RUNNING", "COMPENSATING", "STUCK"];
const STATUSES: ProcessStatus[] = [...UNFINISHED, "COMPLETED", "FAILED", "COMPENSATED", "CANCELLED"];

/** The instances of processes, those that changed last first; without a choice, those that have not ended. */
export function ProcessesPage({ state }: { state: PageState }) {
  const { schema } = useContext(Session);
  const chosen = STATUSES.find((status) => status === state.status);
  const filter: ProcessFilter = { status: { in: chosen ? [chosen] : UNFINISHED } };
  const { data, problems, reload } = useOperation(Processes, { filter, after: state.after });
  const reloadSoon = useThrottled(reload);
  const tailProblems = useSubscription(
    ProcessTail,
    schema.hasSubscription("processes") ? { filter } : null,
    ({ processes }) => processes.__typename === "ProcessChanged" && reloadSoon(),
  );
  const processes = data?.processes?.nodes;
  const page = data?.processes?.pageInfo;
  return (
    <>
      <h1>Processes</h1>
      <label>
        Status{" "}
        <select
          value={chosen ?? ""}
          onChange={({ target }) => open(linkTo("processes", { status: target.value }), { replace: true })}
        >
          <option value="">not ended</option>
          {STATUSES.map((status) => (
            <option key={status} value={status}>
              {status.toLowerCase()}
            </option>
          ))}
        </select>
      </label>{" "}
      <GraphiqlLink operation={Processes} variables={{ filter }} />{" "}
      {processes && (
        <ExportMenu build={async () => ({ report: processReport(chosen ?? "not ended", processes), problems: [] })} />
      )}
      <Problems problems={[...problems, ...tailProblems]} about="the processes" />
      {processes?.length === 0 && <p className="empty">No process has this status.</p>}
      {processes && processes.length > 0 && (
        <div className="scroll">
          <table>
            <thead>
              <tr>
                <th>process</th>
                <th>status</th>
                <th>waits for</th>
                <th>error</th>
                <th>changed</th>
                <th>trace</th>
                <th>actions</th>
              </tr>
            </thead>
            <tbody>
              {processes.map((process) => (
                <ProcessRow key={process.id} process={process} reload={reload} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {page?.hasNextPage && <a href={linkTo("processes", { ...state, after: page.endCursor })}>Next page</a>}
    </>
  );
}
