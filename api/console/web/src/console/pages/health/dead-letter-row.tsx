import type { ReactNode } from "react";

import { EntityLink } from "../../parts/links";
import { Moment } from "../../parts/moment";
import { type Action, RowActions } from "../../parts/row-actions";
import { Text } from "../../parts/text";
import { type DeadLetter, letterName } from "./letter-actions";

type Props = {
  letter: DeadLetter;
  choice: ReactNode;
  actions: Action<DeadLetter>[];
  reload(): void;
};

/** An event that a view could not apply, and why. */
export function DeadLetterRow({ letter, choice, actions, reload }: Props) {
  const { view, row, stream, version } = letter;
  return (
    <tr>
      {choice}
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
        <RowActions item={letter} name={letterName(letter)} actions={actions} reload={reload} />
      </td>
    </tr>
  );
}
