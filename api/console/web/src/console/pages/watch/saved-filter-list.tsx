import { type FormEvent, useState } from "react";

import { linkTo, type PageState } from "../../address";
import { Line, visible } from "../../parts/text";
import { readConditions } from "./conditions";
import { LONGEST_NAME, readFilters, removeFilter, saveFilter } from "./saved-filters";

/** The filters that this browser keeps, and a field that names those of the address. */
export function SavedFilterList({ state }: { state: PageState }) {
  const [filters, setFilters] = useState(readFilters);
  const { after: _, ...conditions } = readConditions(state);
  const canSave = Object.keys(conditions).length > 0;
  const current = linkTo("watch", conditions);
  if (!filters.length && !canSave) return null;

  function save(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const name = String(new FormData(event.currentTarget).get("name") ?? "").trim();
    if (!name) return;
    event.currentTarget.reset();
    setFilters(saveFilter(name, state));
  }

  return (
    <div className="saved-filters">
      {filters.length > 0 && (
        <nav aria-label="Saved filters">
          <ul>
            {filters.map(({ name, conditions }) => {
              const link = linkTo("watch", conditions);
              return (
                <li key={name}>
                  <a href={link} aria-current={link === current ? "true" : undefined}>
                    <Line>{name}</Line>
                  </a>
                  <button type="button" className="more" onClick={() => setFilters(removeFilter(name))}>
                    <span aria-hidden="true">×</span>
                    <span className="hidden">Forget the filter {visible(name)}</span>
                  </button>
                </li>
              );
            })}
          </ul>
        </nav>
      )}
      {canSave && (
        <form onSubmit={save}>
          <input
            name="name"
            aria-label="Name for these filters"
            placeholder="Name these filters"
            maxLength={LONGEST_NAME}
            required
            autoComplete="off"
          />
          <button type="submit">Save in this browser</button>
        </form>
      )}
    </div>
  );
}
