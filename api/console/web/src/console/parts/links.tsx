import { useContext } from "react";

import { linkTo } from "../address";
import type { Operation } from "../api/http";
import { Session } from "../session";
import { Line, visible } from "./text";

export function EntityLink({ id, version }: { id: string; version?: number | undefined }) {
  return (
    <a href={linkTo("entity", { id, version })} className="id">
      <Line>{id}</Line>
      {version !== undefined && <span className="quiet">v{version}</span>}
    </a>
  );
}

export function TraceLink({ id }: { id: string }) {
  return (
    <a href={linkTo("trace", { id })} className="id">
      <Line>{id}</Line>
    </a>
  );
}

/** An id that has no page of its own, with a button that copies it. */
export function Id({ children }: { children: string }) {
  return (
    <span className="id">
      <Line>{children}</Line>
      <button type="button" className="copy" onClick={() => void navigator.clipboard?.writeText(children)}>
        copy<span className="hidden"> {visible(children)}</span>
      </button>
    </span>
  );
}

export function Severity({ value }: { value: string | null | undefined }) {
  return value ? <span className={`badge severity-${value.toLowerCase()}`}>{value.toLowerCase()}</span> : null;
}

/** Opens the operation behind what is shown in GraphiQL, with its variables. */
export function GraphiqlLink<Variables>({ operation, variables }: GraphiqlLinkProps<Variables>) {
  const { http } = useContext(Session);
  const page = new URL("graphiql", http.url);
  page.hash = new URLSearchParams({
    query: operation.text,
    variables: JSON.stringify(variables, null, 2),
  }).toString();
  return <a href={page.href}>Open in GraphiQL</a>;
}

type GraphiqlLinkProps<Variables> = { operation: Operation<unknown, Variables>; variables: Variables };
