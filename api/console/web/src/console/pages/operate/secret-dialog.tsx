import { useEffect, useRef } from "react";

import { Id } from "../../parts/links";

type Props = { title: string; effect: string; secret: string; close(): void };

/** Shows a new secret once. It is gone from the page when the dialog is closed. */
export function SecretDialog({ title, effect, secret, close }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="secret-title" className="dialog">
      <h2 id="secret-title">{title}</h2>
      <p>{effect}</p>
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
