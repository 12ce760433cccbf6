import { linkTo, open } from "../../address";
import { useOperation } from "../../api/hooks";
import { Runs } from "../../api/operations";
import { duration, localTime } from "../../parts/moment";
import { visible } from "../../parts/text";
import { useMoney } from "./figures";
import { type Run, runLink, runName } from "./run";
import { toRunOrder } from "./run-filters";

/** How many other runs are offered. */
const OFFERED = 50;

/** Chooses the run that this one is compared with, among the last ones of the same agent. */
export function CompareChoice({ run, other }: { run: Run; other: string | undefined }) {
  const filter = run.agentName === null ? undefined : { agentName: { eq: run.agentName } };
  const money = useMoney();
  const { data } = useOperation(Runs, { filter, orderBy: toRunOrder({}), first: OFFERED });
  const runs = (data?.runs?.nodes ?? []).filter(({ id }) => id !== run.id);
  const isOffered = runs.some(({ id }) => id === other);
  if (!runs.length && !other) return null;
  return (
    <p className="compare-choice">
      <label>
        Compare with{" "}
        <select value={other ?? ""} onChange={({ target }) => open(runLink(run.id, target.value), { replace: true })}>
          <option value="">no other run</option>
          {other && !isOffered && <option value={other}>{visible(other)}</option>}
          {runs.map((each) => (
            <option key={each.id} value={each.id}>
              {optionText(each, money(each.cost))}
            </option>
          ))}
        </select>
      </label>{" "}
      {other && <a href={linkTo("runs", { id: other, with: run.id })}>Swap both</a>}
    </p>
  );
}

function optionText(run: Run, cost: string): string {
  const parts = [localTime(run.startedAt), visible(runName(run)).slice(0, 40), duration(run.durationSeconds)];
  return [...parts, `cost ${cost}`, run.state.toLowerCase()].join(" · ");
}
