import type { FormEvent } from "react";

import { linkTo, open, type PageState } from "../../address";
import { SEVERITIES } from "./conditions";

const FIELDS = [
  { name: "types", label: "Types", example: "task.created, task.failed" },
  { name: "categories", label: "Categories", example: "task, order" },
  { name: "streams", label: "Streams", example: "task-01J…" },
  { name: "correlation", label: "Correlation", example: "01J…" },
  { name: "actor", label: "Actor", example: "ada" },
] as const;

/** The filters of the tail. Applied, they are part of the address, which can be sent and kept. */
export function FilterForm({ state }: { state: PageState }) {
  const severities = new Set(state.severities?.split(","));

  function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const values = FIELDS.map(({ name }) => [name, String(form.get(name) ?? "").trim()]);
    const severities = form.getAll("severities").join(",");
    open(linkTo("watch", { ...Object.fromEntries(values), severities, after: state.after }));
  }

  return (
    <form className="filters" onSubmit={submit}>
      {FIELDS.map(({ name, label, example }) => (
        <label key={name}>
          {label}
          <input name={name} defaultValue={state[name]} placeholder={example} autoComplete="off" spellCheck={false} />
        </label>
      ))}
      <fieldset>
        <legend>Severities</legend>
        {SEVERITIES.map((severity) => (
          <label key={severity}>
            <input type="checkbox" name="severities" value={severity} defaultChecked={severities.has(severity)} />
            {severity.toLowerCase()}
          </label>
        ))}
      </fieldset>
      {state.after && (
        <p className="quiet">
          From a position on. <a href={linkTo("watch", { ...state, after: undefined })}>From now on</a>
        </p>
      )}
      <menu>
        <button type="submit">Apply</button>
        <a href={linkTo("watch")}>Clear</a>
      </menu>
    </form>
  );
}
