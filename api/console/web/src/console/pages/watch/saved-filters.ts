import type { PageState } from "../../address";
import { type EventConditions, readConditions } from "./conditions";

/** Filters of the tail with the name that the person at this browser gave them. */
export type SavedFilter = { name: string; conditions: EventConditions };

const KEY = "nerve.filters";
/** Filters that are kept, and characters of a name. */
const MOST = 50;
export const LONGEST_NAME = 60;

/** Returns the filters that this browser keeps. What another program has written there is ignored. */
export function readFilters(): SavedFilter[] {
  try {
    const stored: unknown = JSON.parse(localStorage.getItem(KEY) ?? "[]");
    return Array.isArray(stored) ? stored.filter(isFilter).slice(0, MOST) : [];
  } catch {
    return [];
  }
}

/** Keeps the conditions under a name, in place of those that had it; returns all filters. */
export function saveFilter(name: string, state: PageState): SavedFilter[] {
  // A position is of one moment; a filter is for any.
  const { after: _, ...conditions } = readConditions(state);
  const others = readFilters().filter((filter) => filter.name !== name);
  return store([...others, { name, conditions }].slice(-MOST));
}

/** Forgets the filter with this name; returns the others. */
export function removeFilter(name: string): SavedFilter[] {
  return store(readFilters().filter((filter) => filter.name !== name));
}

function store(filters: SavedFilter[]): SavedFilter[] {
  const sorted = filters.toSorted((one, other) => one.name.localeCompare(other.name));
  localStorage.setItem(KEY, JSON.stringify(sorted));
  return sorted;
}

function isFilter(value: unknown): value is SavedFilter {
  if (typeof value !== "object" || value === null) return false;
  const { name, conditions } = value as Record<string, unknown>;
  return (
    typeof name === "string" &&
    typeof conditions === "object" &&
    conditions !== null &&
    Object.values(conditions).every((condition) => typeof condition === "string")
  );
}
