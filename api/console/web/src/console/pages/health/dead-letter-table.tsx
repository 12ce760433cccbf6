import { useState } from "react";

import { useOperation } from "../../api/hooks";
import { DeadLetters } from "../../api/operations";
import { GraphiqlLink } from "../../parts/links";
import { Problems } from "../../parts/problems";
import { SelectableTable } from "../../parts/selectable-table";
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
      <SelectableTable
        noun={{ one: "dead letter", several: "dead letters" }}
        items={letters}
        idOf={idOf}
        nameOf={letterName}
        actions={actions}
        reload={reload}
        head={
          <>
            <th>view</th>
            <th>event</th>
            <th>row</th>
            <th>error</th>
            <th className="number">failures</th>
            <th>last</th>
            <th>actions</th>
          </>
        }
        renderRow={(letter, choice) => (
          <DeadLetterRow key={letter.id} letter={letter} choice={choice} actions={actions} reload={reload} />
        )}
      />
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
