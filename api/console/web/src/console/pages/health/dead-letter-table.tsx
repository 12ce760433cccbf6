import { useState } from "react";

import { useOperation } from "../../api/hooks";
import { DeadLetters } from "../../api/operations";
import { BulkActions } from "../../parts/bulk-actions";
import { GraphiqlLink } from "../../parts/links";
import { Problems } from "../../parts/problems";
import { ChooseAll, useSelection } from "../../parts/selection";
import { DeadLetterRow } from "./dead-letter-row";
import { type DeadLetter, letterName, useLetterActions } from "./letter-actions";

const idOf = ({ id }: DeadLetter) => id;

/** The events that views could not apply, or that one of them could not, page by page. */
export function DeadLetterTable({ view }: { view?: string }) {
  const [after, setAfter] = useState<string>();
  const { data, problems, reload } = useOperation(DeadLetters, { view, after });
  const letters = data?.deadLetters?.nodes;
  const page = data?.deadLetters?.pageInfo;
  const actions = useLetterActions();
  const selection = useSelection(letters ?? [], idOf);
  return (
    <section aria-labelledby="letters-title">
      <h2 id="letters-title">{view ? `Dead letters of ${view}` : "Dead letters"}</h2>
      <p>
        <GraphiqlLink operation={DeadLetters} variables={{ view }} />
      </p>
      <Problems problems={problems} about="the dead letters" />
      {letters?.length === 0 && (
        <p className="quiet">There are none: {view ? "it" : "every view"} has applied every event that it has read.</p>
      )}
      {letters && actions.length > 0 && (
        <BulkActions
          noun="dead letters"
          listed={letters.length}
          selection={selection}
          idOf={idOf}
          nameOf={letterName}
          actions={actions}
          reload={reload}
        />
      )}
      {letters && letters.length > 0 && (
        <div className="scroll">
          <table>
            <thead>
              <tr>
                {actions.length > 0 && (
                  <th>
                    <ChooseAll items={letters} selection={selection} />
                  </th>
                )}
                <th>view</th>
                <th>event</th>
                <th>row</th>
                <th>error</th>
                <th className="number">failures</th>
                <th>last</th>
                <th>actions</th>
              </tr>
            </thead>
            <tbody>
              {letters.map((letter) => (
                <DeadLetterRow
                  key={letter.id}
                  letter={letter}
                  actions={actions}
                  selection={selection}
                  reload={reload}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
      <menu>
        {after && (
          <button type="button" onClick={() => setAfter(undefined)}>
            First page
          </button>
        )}
        {page?.hasNextPage && (
          <button type="button" onClick={() => setAfter(page.endCursor ?? undefined)}>
            Next page
          </button>
        )}
        <button type="button" onClick={reload}>
          Read again
        </button>
      </menu>
    </section>
  );
}
