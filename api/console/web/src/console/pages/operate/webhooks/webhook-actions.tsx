import { useContext } from "react";

import type { Operation } from "../../../api/http";
import { DeleteWebhook, PauseWebhook, ReplayWebhook, ResumeWebhook, RetryWebhook } from "../../../api/operate";
import type { Problem } from "../../../api/problems";
import type { WebhooksQuery } from "../../../api/types";
import { Session } from "../../../session";

export type Webhook = NonNullable<WebhooksQuery["webhooks"]>["nodes"][number];

/** An action on a webhook. `replays`: it also asks where to begin. */
export type WebhookAction = {
  mutation: string;
  name: string;
  effect: string;
  asksReason: boolean;
  replays?: boolean;
  isOffered(webhook: Webhook): boolean;
  run(webhook: Webhook, reason: string, form: FormData): Promise<Problem[]>;
};

/** Returns what the caller can do about webhooks. */
export function useWebhookActions(): WebhookAction[] {
  const { http, schema } = useContext(Session);

  async function send<Input extends { id: string }>(operation: Operation<unknown, { input: Input }>, input: Input) {
    return (await http.run(operation, { input })).problems;
  }

  const actions: WebhookAction[] = [
    {
      mutation: "pauseWebhook",
      name: "Pause",
      effect: "Nothing is delivered until it is resumed. Its events are kept.",
      asksReason: true,
      isOffered: ({ state }) => state === "ACTIVE",
      run: ({ id }, reason) => send(PauseWebhook, { id, reason }),
    },
    {
      mutation: "resumeWebhook",
      name: "Resume",
      effect: "Deliveries go on where they stopped.",
      asksReason: false,
      isOffered: ({ state }) => state === "PAUSED",
      run: ({ id }) => send(ResumeWebhook, { id }),
    },
    {
      mutation: "replayWebhook",
      name: "Replay",
      effect: "The events that match its filter are delivered again, and those after them. Receivers know them by their ids.",
      asksReason: false,
      replays: true,
      isOffered: () => true,
      run: ({ id }, _reason, form) => send(ReplayWebhook, { id, ...readStart(form) }),
    },
    {
      mutation: "retryWebhook",
      name: "Retry dead letters",
      effect: "All of its dead letters are delivered again, and the events that wait behind them.",
      asksReason: false,
      isOffered: () => true,
      run: ({ id }) => send(RetryWebhook, { id }),
    },
    {
      mutation: "deleteWebhook",
      name: "Delete",
      effect: "The webhook is gone for good, with what it has not delivered.",
      asksReason: false,
      isOffered: () => true,
      run: ({ id }) => send(DeleteWebhook, { id }),
    },
  ];
  return actions.filter(({ mutation }) => schema.hasMutation(mutation));
}

/** Returns where a replay begins: after an event, since a time, or with neither at the beginning of the log. */
function readStart(form: FormData) {
  const [event, since] = ["afterEvent", "since"].map((name) => String(form.get(name) ?? "").trim());
  return {
    ...(event ? { afterEvent: event } : {}),
    ...(since ? { since: new Date(since).toISOString() } : {}),
  };
}
