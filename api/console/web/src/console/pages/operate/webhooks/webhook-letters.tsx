import { type ReactNode, useContext, useState } from "react";

import { useOperation } from "../../../api/hooks";
import { DropWebhookDelivery, RetryWebhook, WebhookDeadLetters } from "../../../api/operate";
import type { WebhookDeadLettersQuery } from "../../../api/types";
import { EntityLink } from "../../../parts/links";
import { Moment } from "../../../parts/moment";
import { Problems } from "../../../parts/problems";
import type { Action } from "../../../parts/row-actions";
import { SelectableTable } from "../../../parts/selectable-table";
import { Text } from "../../../parts/text";
import { Session } from "../../../session";

type Letter = NonNullable<WebhookDeadLettersQuery["webhookDeadLetters"]>["nodes"][number];

const idOf = ({ stream }: Letter) => stream;
const nameOf = ({ type, stream, version }: Letter) => `${type}, ${stream} version ${version}`;

/** The events that a webhook could not deliver: one for each stream, whose later events wait behind it. */
export function WebhookLetters({ webhook, reload }: { webhook: string; reload(): void }) {
  const [after, setAfter] = useState<string>();
  const { data, problems, reload: readLetters } = useOperation(WebhookDeadLetters, { webhook, after });
  const letters = data?.webhookDeadLetters?.nodes;
  const page = data?.webhookDeadLetters?.pageInfo;
  const actions = useLetterActions(webhook);

  function readAgain() {
    readLetters();
    reload();
  }

  return (
    <section aria-labelledby="undelivered-title">
      <h3 id="undelivered-title">Dead letters</h3>
      <Problems problems={problems} about="the dead letters of this webhook" />
      {letters?.length === 0 && <p className="quiet">There are none.</p>}
      <SelectableTable
        noun={{ one: "delivery", several: "deliveries" }}
        items={letters}
        idOf={idOf}
        nameOf={nameOf}
        actions={actions}
        reload={readAgain}
        head={
          <>
            <th>event</th>
            <th>error</th>
            <th className="number">attempts</th>
            <th>failed</th>
          </>
        }
        renderRow={(letter, choice) => <LetterRow key={letter.stream} letter={letter} choice={choice} />}
      />
      {page?.hasNextPage && (
        <button type="button" onClick={() => setAfter(page.endCursor ?? undefined)}>
          Next page
        </button>
      )}
    </section>
  );
}

function LetterRow({ letter, choice }: { letter: Letter; choice: ReactNode }) {
  return (
    <tr>
      {choice}
      <th scope="row">
        <Text>{letter.type}</Text>
        <br />
        <EntityLink id={letter.stream} version={letter.version} />
      </th>
      <td>
        <Text>{letter.error}</Text>
      </td>
      <td className="number">{letter.attempts}</td>
      <td>
        <Moment at={letter.failedAt} />
      </td>
    </tr>
  );
}

/** Returns what the caller can do about the dead letters of a webhook. */
function useLetterActions(id: string): Action<Letter>[] {
  const { http, schema } = useContext(Session);
  const retry: Action<Letter> = {
    name: "Retry",
    effect: "The event is delivered again, and those of its stream that wait behind it.",
    asksReason: false,
    isOffered: () => true,
    run: async ({ stream }) => (await http.run(RetryWebhook, { input: { id, stream } })).problems,
  };
  const drop: Action<Letter> = {
    name: "Drop",
    effect: "The event is not delivered, and those of its stream that wait behind it are. A replay still includes it.",
    asksReason: true,
    isOffered: () => true,
    run: async ({ stream, version }, reason) =>
      (await http.run(DropWebhookDelivery, { input: { id, stream, version, reason } })).problems,
  };
  return [
    ...(schema.hasMutation("retryWebhook") ? [retry] : []),
    ...(schema.hasMutation("dropWebhookDelivery") ? [drop] : []),
  ];
}
