import { useEffect, useRef } from "react";

import { Id } from "../../../parts/links";

/** Shows a new key once. It is gone from the page when the dialog is closed. */
export function SecretDialog({ title, secret, close }: { title: string; secret: string; close(): void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="secret-title" className="dialog">
      <h2 id="secret-title">{title}</h2>
      <p>Copy it now: nerve stores a hash of it, and shows it this one time.</p>
      <p className="secret">
        <Id>{secret}</Id>
      </p>
      <menu>
        <button type="button" className="primary" onClick={() => dialog.current?.close()}>
          I have it
        </button>
      </menu>
    </dialog>
  );
}
