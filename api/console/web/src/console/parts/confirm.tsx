import { type FormEvent, type ReactNode, useEffect, useRef, useState } from "react";

import type { Problem } from "../api/problems";
import { ActionProblems } from "./problems";
import { visible } from "./text";

type Props = {
  title: string;
  /** What the action will do. */
  effect: string;
  action: string;
  /** Whether the action records a reason in the log. */
  asksReason: boolean;
  /** Does it, with the reason and all that was entered; returns what refused it. */
  run(reason: string, form: FormData): Promise<Problem[]>;
  close(): void;
  /** What else is said or entered. */
  children?: ReactNode;
};

/** Asks once before an action, and shows why it was refused. */
export function Confirm({ title, effect, action, asksReason, run, close, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [problems, setProblems] = useState<Problem[]>([]);
  const [isRunning, setIsRunning] = useState(false);

  useEffect(() => dialog.current?.showModal(), []);

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    setIsRunning(true);
    const form = new FormData(event.currentTarget);
    const refused = await run(String(form.get("reason") ?? ""), form);
    setIsRunning(false);
    setProblems(refused);
    if (!refused.length) dialog.current?.close();
  }

  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="confirm-title" className="dialog">
      <form onSubmit={submit}>
        <h2 id="confirm-title">{visible(title)}</h2>
        <p>{effect}</p>
        {children}
        {asksReason && (
          <label>
            Reason, which the log keeps
            <input name="reason" required maxLength={1000} autoFocus autoComplete="off" />
          </label>
        )}
        <ActionProblems problems={problems} />
        <menu>
          <button type="button" onClick={() => dialog.current?.close()}>
            Cancel
          </button>
          <button type="submit" className="primary" disabled={isRunning}>
            {action}
          </button>
        </menu>
      </form>
    </dialog>
  );
}
