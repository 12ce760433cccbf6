import type { WebhookDeliveriesQuery } from "../../../api/types";
import { EntityLink } from "../../../parts/links";
import { duration, Moment } from "../../../parts/moment";
import { type Action, RowActions } from "../../../parts/row-actions";
import { Line, Text, visible } from "../../../parts/text";
import { linkToSection } from "../section-link";
import type { Webhook } from "./webhook-actions";

export type Deliveries = NonNullable<WebhookDeliveriesQuery["webhookDeliveries"]>[number];

type Props = {
  webhook: Webhook;
  deliveries: Deliveries | undefined;
  isSelected: boolean;
  actions: Action<Webhook>[];
  reload(): void;
};

/** A webhook: what it sends where, and how far it is. */
export function WebhookRow({ webhook, deliveries, isSelected, actions, reload }: Props) {
  const { name, url, state, pauseReason, pausedAt } = webhook;
  const key = webhook._meta.key;

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
        <RowActions item={webhook} name={`of ${name}`} actions={actions} reload={reload} />
      </td>
    </tr>
  );
}

function Lag({ seconds }: { seconds: number }) {
  return <span className={seconds > 60 ? "behind" : undefined}>{seconds ? duration(seconds) : "0"}</span>;
}

function filterText({ types, categories, streams, personal }: Webhook): string {
  const parts = [types, categories, streams].map((list) => list.join(", ")).filter(Boolean);
  return `${parts.join("; ") || "all events"}${personal ? ", with personal data" : ""}`;
}
