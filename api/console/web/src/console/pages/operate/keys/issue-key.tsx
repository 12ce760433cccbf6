import { type FormEvent, useContext, useRef, useState } from "react";

import { IssueApiKey } from "../../../api/operate";
import type { Problem } from "../../../api/problems";
import { ActionProblems } from "../../../parts/problems";
import { Session } from "../../../session";
import { SecretDialog } from "../secret-dialog";
import { HASHED } from "./key-actions";

const FIELDS = [
  { name: "roles", label: "Roles, separated by commas", example: "clerk" },
  { name: "commands", label: "The only commands that it may send; empty for all that its roles allow", example: "" },
  { name: "subject", label: "Subject that it acts as; empty for the id of the key", example: "" },
] as const;

/** Issues an API key, and shows it once. */
export function IssueKey({ reload }: { reload(): void }) {
  const { http } = useContext(Session);
  const dialog = useRef<HTMLDialogElement>(null);
  const [problems, setProblems] = useState<Problem[]>([]);
  const [isRunning, setIsRunning] = useState(false);
  const [secret, setSecret] = useState<string>();

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = event.currentTarget;
    setIsRunning(true);
    const result = await http.run(IssueApiKey, { input: readInput(new FormData(form)) });
    setIsRunning(false);
    setProblems(result.problems);
    const key = result.data?.issueApiKey?.key;
    if (!key) return;
    form.reset();
    dialog.current?.close();
    setSecret(key);
    reload();
  }

  return (
    <>
      <button type="button" className="primary" onClick={() => dialog.current?.showModal()}>
        Issue a key
      </button>
      <dialog ref={dialog} className="dialog" aria-labelledby="issue-title">
        <form onSubmit={submit}>
          <h2 id="issue-title">Issue an API key</h2>
          <label>
            Name: what it is for
            <input name="name" required maxLength={200} autoFocus autoComplete="off" />
          </label>
          {FIELDS.map(({ name, label, example }) => (
            <label key={name}>
              {label}
              <input name={name} placeholder={example} autoComplete="off" spellCheck={false} />
            </label>
          ))}
          <label>
            Expires, in your time; empty for never
            <input name="expiresAt" type="datetime-local" />
          </label>
          <ActionProblems problems={problems} />
          <menu>
            <button type="button" onClick={() => dialog.current?.close()}>
              Cancel
            </button>
            <button type="submit" className="primary" disabled={isRunning}>
              Issue
            </button>
          </menu>
        </form>
      </dialog>
      {secret && (
        <SecretDialog title="The new key" effect={HASHED} secret={secret} close={() => setSecret(undefined)} />
      )}
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
  const commands = list("commands");
  const expiresAt = text("expiresAt");
  return {
    name: text("name"),
    roles: list("roles"),
    ...(commands.length ? { commands } : {}),
    ...(text("subject") ? { subject: text("subject") } : {}),
    ...(expiresAt ? { expiresAt: new Date(expiresAt).toISOString() } : {}),
  };
}
