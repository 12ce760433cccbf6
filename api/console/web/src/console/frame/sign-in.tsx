import { type FormEvent, useRef } from "react";

const KEY = "nerve.token";

/** The token of this tab. The browser forgets it when the tab is closed. */
export function readToken(): string {
  return sessionStorage.getItem(KEY) ?? "";
}

export function storeToken(token: string): void {
  if (token) sessionStorage.setItem(KEY, token);
  else sessionStorage.removeItem(KEY);
}

type Props = { isSignedIn: boolean; onSignIn(token: string): void };

/** Takes a token or an API key, for deployments without a cookie that contains one. */
export function SignIn({ isSignedIn, onSignIn }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    dialog.current?.close();
    onSignIn(String(new FormData(event.currentTarget).get("token") ?? "").trim());
  }

  if (isSignedIn) {
    return (
      <button type="button" onClick={() => onSignIn("")}>
        Sign out
      </button>
    );
  }
  return (
    <>
      <button type="button" onClick={() => dialog.current?.showModal()}>
        Sign in
      </button>
      <dialog ref={dialog} className="dialog" aria-labelledby="sign-in-title">
        <form onSubmit={submit}>
          <h2 id="sign-in-title">Sign in</h2>
          <label>
            Token or API key
            <input name="token" type="password" required autoComplete="off" autoFocus />
          </label>
          <p className="quiet">It is kept in this tab until the tab is closed, and sent to this server alone.</p>
          <menu>
            <button type="button" onClick={() => dialog.current?.close()}>
              Cancel
            </button>
            <button type="submit" className="primary">
              Sign in
            </button>
          </menu>
        </form>
      </dialog>
    </>
  );
}
