import type { FormEvent } from "react";

import { linkTo, open, type PageState } from "../../address";
import type { ProcessFilter, ProcessStatus } from "../../api/types";

const UNFINISHED: ProcessStatus[] = ["RUNNING", "COMPENSATING", "STUCK"];
const STATUSES: ProcessStatus[] = [...UNFINISHED, "COMPLETED", "FAILED", "COMPENSATED", "CANCELLED"];

/** The status of a page that lists every instance. */
export const ANY_STATUS = "ANY";

/** Returns the filter of the API for a state of the page; without a status, for processes that have not ended. */
export function toFilter({ status, kind, error, correlation }: PageState): ProcessFilter {
  const chosen = STATUSES.find((each) => each === status);
  return {
    ...(status === ANY_STATUS ? {} : { status: { in: chosen ? [chosen] : UNFINISHED } }),
    ...(kind ? { kind: { eq: kind } } : {}),
    ...(correlation ? { correlationId: { eq: correlation } } : {}),
    ...(error ? { errorCode: { eq: error } } : {}),
  };
}

/** The conditions of the list. Applied, they are part of the address. */
export function ProcessFilterForm({ state }: { state: PageState }) {
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const values = ["status", "kind", "error", "correlation"].map((name) => [name, String(form.get(name) ?? "").trim()]);
    open(linkTo("processes", Object.fromEntries(values)));
  }

  return (
    <form className="filters" onSubmit={submit}>
      <label>
        Status
        <select
          name="status"
          defaultValue={state.status ?? ""}
          onChange={({ currentTarget }) => currentTarget.form?.requestSubmit()}
        >
          <option value="">not ended</option>
          <option value={ANY_STATUS}>any</option>
          {STATUSES.map((status) => (
            <option key={status} value={status}>
              {status.toLowerCase()}
            </option>
          ))}
        </select>
      </label>
      <label>
        Kind
        <input name="kind" defaultValue={state.kind} placeholder="fulfilment" autoComplete="off" spellCheck={false} />
      </label>
      <label>
        Error code
        <input
          name="error"
          defaultValue={state.error}
          placeholder="UNAVAILABLE"
          autoComplete="off"
          spellCheck={false}
        />
      </label>
      <label>
        Correlation
        <input
          name="correlation"
          defaultValue={state.correlation}
          placeholder="cmd-01J…"
          autoComplete="off"
          spellCheck={false}
        />
      </label>
      <menu>
        <button type="submit">Apply</button>
        <a href={linkTo("processes")}>Clear</a>
      </menu>
    </form>
  );
}
