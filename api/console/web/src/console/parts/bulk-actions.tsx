import { useState } from "react";

import type { Problem } from "../api/problems";
import { Confirm } from "./confirm";
import { counted } from "./counted";
import { ActionProblems } from "./problems";
import type { Action } from "./row-actions";
import type { Selection } from "./selection";
import { Line } from "./text";

/** What the items of a list are: one, and several. */
export type Noun = { one: string; several: string };

type Props<Item> = {
  /** What the items are. */
  noun: Noun;
  /** How many are listed. */
  listed: number;
  selection: Selection<Item>;
  idOf(item: Item): string;
  nameOf(item: Item): string;
  actions: Action<Item>[];
  reload(): void;
};

/** How many names a question lists. */
const LISTED = 10;

type Refusal = { id: string; name: string; problems: Problem[] };

/** The actions on the chosen items. Those that refuse one stay chosen, and are listed with the reason. */
export function BulkActions<Item>({ noun, listed, selection, idOf, nameOf, actions, reload }: Props<Item>) {
  const [asked, setAsked] = useState<{ action: Action<Item>; items: Item[]; skipped: number }>();
  const [outcome, setOutcome] = useState("");
  const [refusals, setRefusals] = useState<Refusal[]>([]);
  const { chosen } = selection;
  const several = (count: number) => counted(count, noun.one, noun.several);

  function ask(action: Action<Item>) {
    const items = chosen.filter(action.isOffered);
    setAsked({ action, items, skipped: chosen.length - items.length });
  }

  async function run(reason: string): Promise<Problem[]> {
    if (!asked) return [];
    const { action, items } = asked;
    const refused: Refusal[] = [];
    const done: Item[] = [];
    setRefusals([]);
    for (const [index, item] of items.entries()) {
      setOutcome(`${action.name}: ${index} of ${items.length} done…`);
      const problems = await action.run(item, reason);
      if (problems.length) refused.push({ id: idOf(item), name: nameOf(item), problems });
      else done.push(item);
    }
    setOutcome(`${action.name}: ${done.length} of ${items.length} done${refused.length ? ", these were refused:" : "."}`);
    setRefusals(refused);
    selection.choose(done, false);
    reload();
    return [];
  }

  if (!listed && !outcome) return null;
  return (
    <div className="bulk" role="group" aria-label={`Actions on the chosen ${noun.several}`}>
      <span>
        {several(chosen.length)} chosen
      </span>
      {actions.map((action) => (
        <button
          key={action.name}
          type="button"
          disabled={!chosen.some(action.isOffered)}
          onClick={() => ask(action)}
        >
          {action.name} chosen
        </button>
      ))}
      <span role="status" className="quiet">
        {outcome}
      </span>
      {refusals.length > 0 && (
        <ul className="refusals" tabIndex={0} aria-label="Refused">
          {refusals.map(({ id, name, problems }) => (
            <li key={id}>
              <Line>{name}</Line>
              <ActionProblems problems={problems} />
            </li>
          ))}
        </ul>
      )}
      {asked && (
        <Confirm
          title={`${asked.action.name} ${several(asked.items.length)}`}
          effect={asked.action.effect}
          action={`${asked.action.name} ${several(asked.items.length)}`}
          asksReason={asked.action.asksReason}
          run={run}
          close={() => setAsked(undefined)}
        >
          <ul className="names">
            {asked.items.slice(0, LISTED).map((item) => (
              <li key={idOf(item)}>
                <Line>{nameOf(item)}</Line>
              </li>
            ))}
          </ul>
          {asked.items.length > LISTED && <p>and {asked.items.length - LISTED} more of the list</p>}
          {asked.skipped > 0 && (
            <p className="quiet">
              {asked.skipped} of the chosen {noun.several} are left out: this is not possible for them now.
            </p>
          )}
        </Confirm>
      )}
    </div>
  );
}
