import type { PageState } from "../../address";
import type { EventFilter, Severity } from "../../api/types";

/** Which events are watched, as the address has it: lists are separated by commas. */
export type EventConditions = {
  types?: string;
  streams?: string;
  categories?: string;
  severities?: string;
  correlation?: string;
  actor?: string;
  /** The position after which the tail begins; from now on without it. */
  after?: string;
};

export const SEVERITIES: readonly Severity[] = ["INFO", "WARNING", "ERROR", "CRITICAL"];

const NAMES = ["types", "streams", "categories", "severities", "correlation", "actor", "after"] as const;

export function readConditions(state: PageState): EventConditions {
  return Object.fromEntries(NAMES.flatMap((name) => (state[name] ? [[name, state[name]]] : [])));
}

/** Returns the filter of the API for the conditions, except the actor and the position. */
export function toFilter(conditions: EventConditions): EventFilter | undefined {
  const lists = {
    types: split(conditions.types),
    streams: split(conditions.streams),
    categories: split(conditions.categories),
    severities: split(conditions.severities) as Severity[] | undefined,
  };
  const filter = { ...lists, correlation: conditions.correlation };
  return Object.values(filter).some(Boolean) ? filter : undefined;
}

function split(text: string | undefined): string[] | undefined {
  const parts = (text ?? "").split(",").map((part) => part.trim());
  const values = parts.filter(Boolean);
  return values.length ? values : undefined;
}
