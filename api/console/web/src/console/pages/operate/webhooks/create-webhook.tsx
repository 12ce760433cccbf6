import { useContext, useState } from "react";

import { CreateWebhook } from "../../../api/operate";
import type { Problem } from "../../../api/problems";
import { Confirm } from "../../../parts/confirm";
import { Session } from "../../../session";
import { WebhookSecret } from "./webhook-secret";

const LISTS = [
  { name: "types", label: "Only these types of events, separated by commas; empty for all", example: "task.completed" },
  { name: "categories", label: "Only these categories", example: "task" },
  { name: "streams", label: "Only these streams", example: "task-01J…" },
] as const;

/** Creates a webhook, and shows the secret that signs its requests once. */
export function CreateWebhookButton({ reload }: { reload(): void }) {
  const { http } = useContext(Session);
  const [isAsked, setIsAsked] = useState(false);
  const [secret, setSecret] = useState<string>();

  async function create(form: FormData): Promise<Problem[]> {
    const { data, problems } = await http.run(CreateWebhook, { input: readInput(form) });
    setSecret(data?.createWebhook?.secret ?? undefined);
    if (!problems.length) reload();
    return problems;
  }

  return (
    <>
      <button type="button" className="primary" onClick={() => setIsAsked(true)}>
        Create a webhook
      </button>
      {isAsked && (
        <Confirm
          title="Create a webhook"
          effect="Events that are stored from now on are posted to the address."
          action="Create"
          asksReason={false}
          run={(_reason, form) => create(form)}
          close={() => setIsAsked(false)}
        >
          <WebhookFields />
        </Confirm>
      )}
      {secret && !isAsked && <WebhookSecret secret={secret} close={() => setSecret(undefined)} />}
    </>
  );
}

function WebhookFields() {
  return (
    <>
      <label>
        Name: what it is for
        <input name="name" required maxLength={200} autoFocus autoComplete="off" />
      </label>
      <label>
        Address
        <input name="url" type="url" required placeholder="https://shop.example/events" autoComplete="off" />
      </label>
      {LISTS.map(({ name, label, example }) => (
        <label key={name}>
          {label}
          <input name={name} placeholder={example} autoComplete="off" spellCheck={false} />
        </label>
      ))}
      <label className="inline">
        <input name="personal" type="checkbox" /> Send personal data; otherwise its fields are null
      </label>
    </>
  );
}

function readInput(form: FormData) {
  const text = (name: string) => String(form.get(name) ?? "").trim();
  const list = (name: string) =>
    text(name)
      .split(",")
      .map((part) => part.trim())
      .filter(Boolean);
  return {
    name: text("name"),
    url: text("url"),
    types: list("types"),
    categories: list("categories"),
    streams: list("streams"),
    personal: form.has("personal"),
  };
}
