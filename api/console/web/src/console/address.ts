import { useMemo, useSyncExternalStore } from "react";

/** The state of a page: everything that a link to it must carry. */
export type PageState = Readonly<Record<string, string | undefined>>;

/**
 * A page of the console with its state. Both are in the fragment of the address: `#/entity?id=task-1&version=3`. The id
 * may also be written as a part of the path: `#/entity/task-1?version=3`.
 */
export type Address = { page: string; state: PageState };

type Value = string | number | boolean | null | undefined;

export function parseAddress(fragment: string): Address {
  const [path = "", query = ""] = fragment.replace(/^#?\/?/, "").split(/\?(.*)/s);
  const [page = "", id] = path.split(/\/(.*)/s);
  const state = new URLSearchParams(query);
  if (id) state.set("id", decoded(id));
  return { page, state: Object.fromEntries(state) };
}

/** Returns the text that is written in an address; a text that is not well-formed stays as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Returns the link to a page. Values that are empty, false or missing are left out. */
export function linkTo(page: string, state: Record<string, Value> = {}): string {
  const entries = Object.entries(state).filter(([, value]) => value !== "" && value !== false && value != null);
  const query = new URLSearchParams(entries.map(([name, value]) => [name, String(value)])).toString();
  return `#/${page}${query && `?${query}`}`;
}

/** Opens a page. With `replace` the page before it is not kept in the history of the browser. */
export function open(link: string, { replace = false } = {}): void {
  if (!replace) {
    location.hash = link;
    return;
  }
  history.replaceState(null, "", link);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

export function useAddress(): Address {
  const fragment = useSyncExternalStore(subscribe, () => location.hash);
  return useMemo(() => parseAddress(fragment), [fragment]);
}

function subscribe(listener: () => void): () => void {
  addEventListener("hashchange", listener);
  return () => removeEventListener("hashchange", listener);
}
