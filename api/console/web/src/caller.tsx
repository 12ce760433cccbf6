import { type FormEvent, useRef, useState } from "react";

/** A caller that the developer made up, as the form has it, and the token by which nerve knows it. */
export type Caller = { subject: string; tenant: string; roles: string; claims: string; token: string };

type Props = { tokenUrl: URL; caller: Caller | null; onPick(caller: Caller | null): void };

const EMPTY = { subject: "", tenant: "default", roles: "", claims: "{}" };

/** Shows as whom operations run, and lets the developer act as another caller. In development alone. */
export function CallerPicker({ tokenUrl, caller, onPick }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [problem, setProblem] = useState("");

  async function pick(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = Object.fromEntries(new FormData(event.currentTarget)) as typeof EMPTY;
    try {
      onPick({ ...form, token: await requestToken(tokenUrl, form) });
      setProblem("");
      dialog.current?.close();
    } catch (cause) {
      setProblem(cause instanceof Error ? cause.message : String(cause));
    }
  }

  function reset() {
    onPick(null);
    dialog.current?.close();
  }

  const shown = caller ?? EMPTY;
  return (
    <>
      <button type="button" className="caller" onClick={() => dialog.current?.showModal()}>
        {caller ? `as ${caller.subject}` : "no token"}
      </button>
      <dialog ref={dialog} className="caller-dialog">
        <form onSubmit={pick} key={caller?.token}>
          <h1>Act as a caller</h1>
          <label>Subject <input name="subject" required defaultValue={shown.subject} placeholder="ada" /></label>
          <label>Tenant <input name="tenant" required defaultValue={shown.tenant} /></label>
          <label>Roles <input name="roles" defaultValue={shown.roles} placeholder="editor reviewer" /></label>
          <label>Claims <input name="claims" defaultValue={shown.claims} placeholder='{"team": "red"}' /></label>
          {problem && <p role="alert">{problem}</p>}
          <menu>
            <button type="button" onClick={reset}>Without a token</button>
            <button type="submit">Act as this caller</button>
          </menu>
        </form>
      </dialog>
    </>
  );
}

async function requestToken(url: URL, form: typeof EMPTY): Promise<string> {
  const { subject, tenant } = form;
  const roles = form.roles.split(/[\s,]+/).filter(Boolean);
  const body = JSON.stringify({ subject, tenant, roles, claims: readClaims(form.claims) });
  const response = await fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error ?? `nerve answered with status ${response.status}`);
  return answer.token;
}

function readClaims(text: string): unknown {
  try {
    return JSON.parse(text || "{}");
  } catch {
    throw new Error('The claims must be JSON, as {"team": "red"}');
  }
}
