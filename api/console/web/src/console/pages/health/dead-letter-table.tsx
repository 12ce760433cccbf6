import { useContext, useState } from "react";

import { useOperation } from "../../api/hooks";
import { DeadLetters, DropDeadLetter, RetryDeadLetter } from "../../api/operations";
import type { Problem } from "../../api/problems";
import type { DeadLettersQuery } from "../../api/types";
import { Confirm } from "../../parts/confirm";
import { EntityLink } from "../../parts/links";
import { Moment } from "../../parts/moment";
import { Problems } from "../../parts/problems";
import { Text } from "../../parts/text";
import { Session } from "../../session";

type DeadLetter = NonNullable<DeadLettersQuery["deadLetters"]>["nodes"][number];

/** The events that views could not apply, page by page. */
export function DeadLetterTable() {
  const [after, setAfter] = useState<string>();
  const { data, problems, reload } = useOperation(DeadLetters, { after });
  const letters = data?.deadLetters?.nodes;
  const page = data?.deadLetters?.pageInfo;
  return (
    <section aria-labelledby="letters-title">
      <h2 id="letters-title">Dead letters</h2>
      <Problems problems={problems} about="the dead letters" />
      {letters?.length === 0 && <p className="quiet">There are none: every view has applied every event.</p>}
      {letters && letters.length > 0 && (
        <div className="scroll">
          <table>
            <thead>
              <tr>
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
                <LetterRow key={letter.id} letter={letter} reload={reload} />
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

function LetterRow({ letter, reload }: { letter: DeadLetter; reload(): void }) {
  const { http, schema } = useContext(Session);
  const [asked, setAsked] = useState<"retry" | "drop">();
  const { view, row, stream, version } = letter;
  const name = `${letter.type} in ${view}`;

  async function settle(reason: string): Promise<Problem[]> {
    const input = { view, row, stream, version };
    const { problems } =
      asked === "drop"
        ? await http.run(DropDeadLetter, { input: { ...input, reason } })
        : await http.run(RetryDeadLetter, { input });
    if (!problems.length) reload();
    return problems;
  }

  return (
    <tr>
      <th scope="row">{view}</th>
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
        {schema.hasMutation("retryDeadLetter") && (
          <button type="button" onClick={() => setAsked("retry")}>
            Retry<span className="hidden"> {name}</span>
          </button>
        )}
        {schema.hasMutation("dropDeadLetter") && (
          <button type="button" onClick={() => setAsked("drop")}>
            Drop<span className="hidden"> {name}</span>
          </button>
        )}
        {asked && (
          <Confirm
            title={`${asked === "drop" ? "Drop" : "Retry"}: ${name}`}
            effect={
              asked === "drop"
                ? "The row goes on without this event, and applies the events queued behind it. This is final."
                : "The view applies this event again, and those queued behind it. If it fails again it stays parked."
            }
            action={asked === "drop" ? "Drop" : "Retry"}
            asksReason={asked === "drop"}
            run={settle}
            close={() => setAsked(undefined)}
          />
        )}
      </td>
    </tr>
  );
}
