import { useState } from "react";

import type { WebhookDeliveriesQuery } from "../../../api/types";
import { Confirm } from "../../../parts/confirm";
import { EntityLink } from "../../../parts/links";
import { duration, Moment } from "../../../parts/moment";
import { Line, Text, visible } from "../../../parts/text";
import { linkToSection } from "../section-link";
import type { Webhook, WebhookAction } from "./webhook-actions";

export type Deliveries = NonNullable<WebhookDeliveriesQuery["webhookDeliveries"]>[number];

type Props = {
  webhook: Webhook;
  deliveries: Deliveries | undefined;
  isSelected: boolean;
  actions: WebhookAction[];
  reload(): void;
};

/** A webhook: what it sends where, and how far it is. */
export function WebhookRow({ webhook, deliveries, isSelected, actions, reload }: Props) {
  const [asked, setAsked] = useState<WebhookAction>();
  const { name, url, state, pauseReason, pausedAt } = webhook;
  const key = webhook._meta.key;

  async function run(action: WebhookAction, reason: string, form: FormData) {
    const problems = await action.run(webhook, reason, form);
    if (!problems.length) reload();
    return problems;
  }

  return (
    <tr className={isSelected ? "selected" : undefined}>
      <th scope="row">
        <Line>{name}</Line>
        <br />
        <EntityLink id={key} />
      </th>
      <td className="target">
        <Text>{url}</Text>
        <p className="quiet">
          <Text>{filterText(webhook)}</Text>
        </p>
      </td>
      <td>
        <span className={`badge webhook-${state.toLowerCase()}`}>{state.toLowerCase()}</span>
        {state === "PAUSED" && pausedAt && (
          <p className="quiet">
            <Moment at={pausedAt} /> <Text>{pauseReason ?? ""}</Text>
          </p>
        )}
      </td>
      <td className="number">{deliveries && <Lag seconds={deliveries.lag} />}</td>
      <td className="number">{deliveries?.delivered.toLocaleString("en")}</td>
      <td className="number">{deliveries?.failed.toLocaleString("en")}</td>
      <td className={deliveries?.deadLetters ? "number behind" : "number"}>
        {deliveries?.deadLetters.toLocaleString("en")}
      </td>
      <td className="actions wrapped">
        <a href={linkToSection("webhooks", { id: key })} aria-current={isSelected ? "true" : undefined}>
          Deliveries<span className="hidden"> of {visible(name)}</span>
        </a>
        {actions
          .filter((action) => action.isOffered(webhook))
          .map((action) => (
            <button key={action.name} type="button" onClick={() => setAsked(action)}>
              {action.name}
              <span className="hidden"> of {visible(name)}</span>
            </button>
          ))}
        {asked && (
          <Confirm
            title={`${asked.name}: ${name}`}
            effect={asked.effect}
            action={asked.name}
            asksReason={asked.asksReason}
            run={(reason, form) => run(asked, reason, form)}
            close={() => setAsked(undefined)}
          >
            {asked.replays && <ReplayStart />}
          </Confirm>
        )}
      </td>
    </tr>
  );
}

function Lag({ seconds }: { seconds: number }) {
  return <span className={seconds > 60 ? "behind" : undefined}>{seconds ? duration(seconds) : "0"}</span>;
}

/** Where a replay begins. With neither it is the beginning of the log. */
function ReplayStart() {
  return (
    <>
      <label>
        After the event with this id
        <input name="afterEvent" placeholder="evt-01J…" autoComplete="off" spellCheck={false} />
      </label>
      <label>
        or since this time of recording, in your time
        <input name="since" type="datetime-local" step={1} />
      </label>
      <p className="quiet">With neither, from the beginning of the log.</p>
    </>
  );
}

function filterText({ types, categories, streams, personal }: Webhook): string {
  const parts = [types, categories, streams].map((list) => list.join(", ")).filter(Boolean);
  return `${parts.join("; ") || "all events"}${personal ? ", with personal data" : ""}`;
}
