import { useContext, useState } from "react";

import { useOperation } from "../../api/hooks";
import { MatchingProcesses } from "../../api/operate";
import type { Problem } from "../../api/problems";
import type { ProcessFilter } from "../../api/types";
import { Confirm } from "../../parts/confirm";
import { counted } from "../../parts/counted";
import { Text } from "../../parts/text";
import { Session } from "../../session";
import type { ProcessAction } from "./process-actions";

type Props = { filter: ProcessFilter; actions: ProcessAction[]; reload(): void };

type Refused = { processId: string; message: string };

/** How many refusals are shown. */
const SHOWN = 20;

/** The actions on every process that the filter matches, also on those of other pages of the list. */
export function MatchingActions({ filter, actions, reload }: Props) {
  const { schema } = useContext(Session);
  const possible = actions.filter(({ statuses, allName }) => {
    const isPossible = filter.status?.in?.every((status) => status && statuses.includes(status));
    return isPossible && schema.hasMutation(allName);
  });
  const { data } = useOperation(MatchingProcesses, possible.length ? { filter } : null);
  const count = data?.processes?.totalCount ?? 0;
  const { run, outcome, refused } = useBulkRun(filter, reload);
  const [asked, setAsked] = useState<ProcessAction>();
  if (!outcome && (!count || !possible.length)) return null;
  return (
    <div className="bulk" role="group" aria-label="Actions on all processes that match">
      {possible.map((action) => (
        <button key={action.name} type="button" onClick={() => setAsked(action)}>
          {action.name} all {count.toLocaleString("en")} that match
        </button>
      ))}
      <span role="status" className="quiet">
        {outcome}
      </span>
      {refused.length > 0 && (
        <ul className="names">
          {refused.slice(0, SHOWN).map(({ processId, message }) => (
            <li key={processId}>
              <Text>{processId}</Text>: <Text>{message}</Text>
            </li>
          ))}
        </ul>
      )}
      {asked && (
        <Confirm
          title={`${asked.name} all that match: ${counted(count, "process", "processes")}`}
          effect={`${asked.effect} This is done to every process that matches the filter, on all pages of the list.`}
          action={`${asked.name} ${counted(count, "process", "processes")}`}
          asksReason
          run={(reason) => run(asked, reason)}
          close={() => setAsked(undefined)}
        />
      )}
    </div>
  );
}

/** Runs an action for all that match, in one request after the other, until none is left or none can be changed. */
function useBulkRun(filter: ProcessFilter, reload: () => void) {
  const { http } = useContext(Session);
  const [outcome, setOutcome] = useState("");
  const [refused, setRefused] = useState<Refused[]>([]);

  async function run(action: ProcessAction, reason: string): Promise<Problem[]> {
    const refusals = new Map<string, Refused>();
    let changed = 0;
    let hasMore = true;
    while (hasMore) {
      const { data, problems } = await http.run(action.all, { filter, reason });
      const result = data?.[action.allName];
      if (!result) return problems;
      changed += result.changed;
      result.refused.forEach((each) => refusals.set(each.processId, each));
      setOutcome(`${action.name}: ${changed} done, ${refusals.size} refused.`);
      hasMore = result.hasMore && result.changed > 0;
    }
    setRefused([...refusals.values()]);
    reload();
    return [];
  }

  return { run, outcome, refused };
}
