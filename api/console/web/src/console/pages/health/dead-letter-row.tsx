import { useState } from "react";

import type { BulkAction } from "../../parts/bulk-actions";
import { Confirm } from "../../parts/confirm";
import { EntityLink } from "../../parts/links";
import { Moment } from "../../parts/moment";
import { Choose, type Selection } from "../../parts/selection";
import { Text } from "../../parts/text";
import { type DeadLetter, letterName } from "./letter-actions";

type Props = {
  letter: DeadLetter;
  actions: BulkAction<DeadLetter>[];
  selection: Selection<DeadLetter>;
  reload(): void;
};

/** An event that a view could not apply, and why. */
export function DeadLetterRow({ letter, actions, selection, reload }: Props) {
  const [asked, setAsked] = useState<BulkAction<DeadLetter>>();
  const { view, row, stream, version } = letter;
  const name = letterName(letter);

  async function run(action: BulkAction<DeadLetter>, reason: string) {
    const problems = await action.run(letter, reason);
    if (!problems.length) reload();
    return problems;
  }

  return (
    <tr>
      {actions.length > 0 && (
        <td>
          <Choose item={letter} name={name} selection={selection} />
        </td>
      )}
      <th scope="row">
        <Text>{view}</Text>
      </th>
      <td>
        <Text>{letter.type}</Text>
        <br />
        <EntityLink id={stream} version={version} />
      </td>
      <td>{row && <EntityLink id={row} />}</td>
      <td>
        <Text>{letter.error}</Text>
        <p className="quiet">
          <Text>{letter.detail}</Text>
        </p>
      </td>
      <td className="number">{letter.failures}</td>
      <td>
        <Moment at={letter.lastAt} />
      </td>
      <td className="actions">
        {actions.map((action) => (
          <button key={action.name} type="button" onClick={() => setAsked(action)}>
            {action.name}
            <span className="hidden"> {name}</span>
          </button>
        ))}
        {asked && (
          <Confirm
            title={`${asked.name}: ${name}`}
            effect={asked.effect}
            action={asked.name}
            asksReason={asked.asksReason}
            run={(reason) => run(asked, reason)}
            close={() => setAsked(undefined)}
          />
        )}
      </td>
    </tr>
  );
}
