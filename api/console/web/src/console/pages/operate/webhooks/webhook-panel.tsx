import { useContext } from "react";

import { counted } from "../../../parts/counted";
import { duration, Moment } from "../../../parts/moment";
import { Text } from "../../../parts/text";
import { Session } from "../../../session";
import { openSection } from "../section-link";
import { WebhookLetters } from "./webhook-letters";
import type { Deliveries } from "./webhook-row";

type Props = { id: string; name: string; deliveries: Deliveries | undefined; reload(): void };

/** The last attempts of a webhook, and what it could not deliver. */
export function WebhookPanel({ id, name, deliveries, reload }: Props) {
  const { schema } = useContext(Session);
  return (
    <section className="why" aria-labelledby="deliveries-title">
      <h2 id="deliveries-title">
        Deliveries of <Text>{name}</Text>
      </h2>
      <button type="button" className="close" onClick={() => openSection("webhooks")}>
        close
      </button>
      {deliveries && deliveries.pending > 0 && (
        <p>
          {counted(deliveries.pending, "stream waits", "streams wait")} for another attempt at their next event.
        </p>
      )}
      <h3 id="attempts-title">Last attempts, the latest first</h3>
      {deliveries?.attempts.length === 0 && <p className="quiet">Nothing was sent yet.</p>}
      {deliveries && deliveries.attempts.length > 0 && (
        <div className="scroll" role="group" aria-labelledby="attempts-title" tabIndex={0}>
          <table>
            <thead>
              <tr>
                <th>sent</th>
                <th className="number">events</th>
                <th>response</th>
                <th className="number">took</th>
              </tr>
            </thead>
            <tbody>
              {deliveries.attempts.toReversed().map((attempt) => (
                <tr key={`${attempt.at} ${attempt.event}`}>
                  <td>
                    <Moment at={attempt.at} />
                  </td>
                  <td className="number">{attempt.events}</td>
                  <td className={attempt.error ? "behind" : undefined}>
                    {attempt.status ?? "none"} <Text>{attempt.error ?? ""}</Text>
                  </td>
                  <td className="number">{duration(attempt.seconds)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {schema.hasQuery("webhookDeadLetters") && <WebhookLetters webhook={id} reload={reload} />}
    </section>
  );
}
