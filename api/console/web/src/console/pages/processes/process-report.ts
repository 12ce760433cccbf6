import type { ProcessesQuery } from "../../api/types";
import { type Report, withoutFields } from "../../parts/report";

type Process = NonNullable<ProcessesQuery["processes"]>["nodes"][number];

const COLUMNS = ["kind", "key", "status", "waitingFor", "stuckOn", "errorCode", "error", "endReason", "updatedAt"];

/** Returns the report of a list of processes; `status` is what was chosen for it. */
export function processReport(status: string, processes: Process[]): Report {
  const rows = processes.map(({ _meta, ...fields }) => withoutFields(fields, _meta.personalFields));
  const leftOut = [...new Set(processes.flatMap(({ _meta }) => _meta.personalFields))];
  return { page: "processes", id: status, facts: {}, lists: { processes: { rows, columns: COLUMNS } }, leftOut };
}
