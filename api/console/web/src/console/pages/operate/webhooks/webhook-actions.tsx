import { useContext } from "react";

import type { Operation } from "../../../api/http";
import {
  DeleteWebhook,
  PauseWebhook,
  ReplayWebhook,
  ResumeWebhook,
  RetryWebhook,
  RotateWebhookSecret,
} from "../../../api/operate";
import type { Problem } from "../../../api/problems";
import type { WebhooksQuery } from "../../../api/types";
import type { Action } from "../../../parts/row-actions";
import { Session } from "../../../session";
import { ReplayStart, SecretOverlap } from "./webhook-fields";

export type Webhook = NonNullable<WebhooksQuery["webhooks"]>["nodes"][number];

type WebhookAction = Action<Webhook> & { mutation: string };

/** Returns what the caller can do about webhooks. `onSecret` receives the new secret of one. */
export function useWebhookActions(onSecret: (secret: string) => void): Action<Webhook>[] {
  const { http, schema } = useContext(Session);

  async function send<Input extends { id: string }>(operation: Operation<unknown, { input: Input }>, input: Input) {
    return (await http.run(operation, { input })).problems;
  }

  async function rotate(id: string, overlap: string) {
    const { data, problems } = await http.run(RotateWebhookSecret, { input: { id, overlap } });
    const secret = data?.rotateWebhookSecret?.secret;
    if (secret) onSecret(secret);
    return problems;
  }

  const actions = declared(send, rotate);
  return actions.filter(({ mutation }) => schema.hasMutation(mutation));
}

type Send = <Input extends { id: string }>(
  operation: Operation<unknown, { input: Input }>,
  input: Input,
) => Promise<Problem[]>;

function declared(send: Send, rotate: (id: string, overlap: string) => Promise<Problem[]>): WebhookAction[] {
  return [
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
      fields: <ReplayStart />,
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
      mutation: "rotateWebhookSecret",
      name: "Rotate",
      effect: "Its requests are signed with a new secret, which is shown once.",
      asksReason: false,
      fields: <SecretOverlap />,
      isOffered: () => true,
      run: ({ id }, _reason, form) => rotate(id, String(form?.get("overlap"))),
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
}

/** Returns where a replay begins: after an event, since a time, or with neither at the beginning of the log. */
function readStart(form: FormData | undefined) {
  const [event, since] = ["afterEvent", "since"].map((name) => String(form?.get(name) ?? "").trim());
  return {
    ...(event ? { afterEvent: event } : {}),
    ...(since ? { since: new Date(since).toISOString() } : {}),
  };
}
