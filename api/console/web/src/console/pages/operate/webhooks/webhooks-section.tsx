import { useContext, useState } from "react";

import type { PageState } from "../../../address";
import { useOperation, useSubscription, useThrottled } from "../../../api/hooks";
import { WebhookDeliveries, Webhooks, WebhookTail } from "../../../api/operate";
import { usePolling } from "../../../api/polling";
import { GraphiqlLink } from "../../../parts/links";
import { Problems } from "../../../parts/problems";
import { Session } from "../../../session";
import { linkToSection } from "../section-link";
import { CreateWebhookButton } from "./create-webhook";
import { type Webhook, useWebhookActions } from "./webhook-actions";
import { WebhookPanel } from "./webhook-panel";
import { WebhookRow } from "./webhook-row";
import { WebhookSecret } from "./webhook-secret";

/** The webhooks of the tenant, with what they have delivered. */
export function WebhooksSection({ state }: { state: PageState }) {
  const { schema } = useContext(Session);
  const filter = state.paused ? ({ state: { eq: "PAUSED" } } as const) : undefined;
  const { data, problems, reload } = useOperation(Webhooks, { filter, after: state.after });
  const reloadSoon = useThrottled(reload);
  const tailProblems = useSubscription(
    WebhookTail,
    schema.hasSubscription("webhooks") ? {} : null,
    ({ webhooks }) => webhooks.__typename === "WebhookChanged" && reloadSoon(),
  );
  const webhooks = data?.webhooks?.nodes;
  const page = data?.webhooks?.pageInfo;
  const deliveries = useDeliveries(webhooks);
  const [secret, setSecret] = useState<string>();
  const actions = useWebhookActions(setSecret);
  const selected = webhooks?.find(({ _meta }) => _meta.key === state.id);

  function readAgain() {
    reload();
    deliveries.reload();
  }

  return (
    <>
      <menu>
        {schema.hasMutation("createWebhook") && <CreateWebhookButton reload={readAgain} />}
        <a href={linkToSection("webhooks", { paused: state.paused ? "" : "true" })}>
          {state.paused ? "Show all webhooks" : "Show paused ones only"}
        </a>
        <GraphiqlLink operation={Webhooks} variables={{ filter }} />
      </menu>
      {secret && <WebhookSecret secret={secret} close={() => setSecret(undefined)} />}
      <Problems problems={[...problems, ...tailProblems, ...deliveries.problems]} about="the webhooks" />
      {webhooks?.length === 0 && <p className="empty">There is no webhook{state.paused && " that is paused"}.</p>}
      {webhooks && webhooks.length > 0 && (
        <div className="scroll">
          <table>
            <thead>
              <tr>
                <th>webhook</th>
                <th>sends to</th>
                <th>state</th>
                <th className="number">lag</th>
                <th className="number">delivered</th>
                <th className="number">failed</th>
                <th className="number">dead letters</th>
                <th>actions</th>
              </tr>
            </thead>
            <tbody>
              {webhooks.map((webhook) => (
                <WebhookRow
                  key={webhook.id}
                  webhook={webhook}
                  deliveries={deliveries.byId.get(webhook._meta.key)}
                  isSelected={webhook === selected}
                  actions={actions}
                  reload={readAgain}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {page?.hasNextPage && (
        <a href={linkToSection("webhooks", { ...state, after: page.endCursor ?? "" })}>Next page</a>
      )}
      {selected && (
        <WebhookPanel
          key={selected.id}
          id={selected._meta.key}
          name={selected.name}
          deliveries={deliveries.byId.get(selected._meta.key)}
          reload={readAgain}
        />
      )}
    </>
  );
}

/** Reads again and again what the webhooks have delivered; no event says that. */
function useDeliveries(webhooks: Webhook[] | undefined) {
  const { schema } = useContext(Session);
  const ids = webhooks?.map(({ _meta }) => _meta.key);
  const isReadable = ids?.length && schema.hasQuery("webhookDeliveries");
  const answer = useOperation(WebhookDeliveries, isReadable ? { ids } : null);
  usePolling(answer);
  const { data, problems, reload } = answer;
  return { byId: new Map(data?.webhookDeliveries?.map((each) => [each.webhookId, each])), problems, reload };
}
