import type { FormEvent } from "react";

import { linkTo, open, type PageState } from "../../address";
import { ORDERS, STATES, TEXTS } from "./run-filters";

/** The filters and the order of the list. Applied, they are part of the address, which can be sent and kept. */
export function RunFilterForm({ state }: { state: PageState }) {
  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const values = [...form].map(([name, value]) => [name, String(value).trim()]);
    open(linkTo("runs", Object.fromEntries(values)));
  }

  return (
    <form className="filters run-filters" onSubmit={submit}>
      <label>
        State
        <select name="state" defaultValue={state.state ?? ""}>
          <option value="">any</option>
          {STATES.map((name) => (
            <option key={name} value={name}>
              {name.toLowerCase()}
            </option>
          ))}
        </select>
      </label>
      {TEXTS.map(({ name, label, example }) => (
        <label key={name}>
          {label}
          <input name={name} defaultValue={state[name]} placeholder={example} autoComplete="off" spellCheck={false} />
        </label>
      ))}
      <label>
        Since
        <input name="since" type="date" defaultValue={state.since} />
      </label>
      <label>
        Order
        <select name="order" defaultValue={state.order ?? ""}>
          {ORDERS.map(({ name, label }) => (
            <option key={name} value={name}>
              {label}
            </option>
          ))}
        </select>
      </label>
      <menu>
        <button type="submit">Apply</button>
        <a href={linkTo("runs")}>Clear</a>
      </menu>
    </form>
  );
}
