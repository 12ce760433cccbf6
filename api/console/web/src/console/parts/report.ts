import type { Row } from "../api/rows";

/** What a page shows, as data for a report, without fields that may have personal data. */
export type Report = {
  /** The kind of the page, such as `run`. */
  page: string;
  id: string;
  /** The fields of what the page is about. */
  facts: Row;
  /** What belongs to it, under the names that the lists have in the file. */
  lists: Record<string, ReportList>;
  /** The fields that were left out, because they may have personal data. */
  leftOut: string[];
};

/**
 * Rows of a report. In Markdown they are a table of the `columns`, or each has a heading with the field `heading`, and
 * its fields below; in JSON they have all fields. A list is cut if there are more rows than the page has read.
 */
export type ReportList = { rows: Row[]; isCut?: boolean } & ({ columns: string[] } | { heading: string });

/** When a report was written, and from which address. */
export type Origin = { writtenAt: string; address: string };

export function toJson({ page, id, facts, lists, leftOut }: Report, { writtenAt, address }: Origin): string {
  const rows = Object.fromEntries(Object.entries(lists).map(([name, list]) => [name, list.rows]));
  const incomplete = Object.keys(lists).filter((name) => lists[name]?.isCut);
  return `${writeJson({ page, id, address, writtenAt, leftOut, incomplete, facts, ...rows })}\n`;
}

/** Writes a value as JSON with line breaks. Integers that a number of JavaScript cannot hold keep their digits. */
export function writeJson(value: unknown): string {
  return JSON.stringify(value, (_name, inner) => (typeof inner === "bigint" ? rawNumber(inner) : inner), 2);
}

/** Returns what is written as the number itself. A browser that cannot do that writes a text. */
function rawNumber(value: bigint): unknown {
  const { rawJSON } = JSON as { rawJSON?: (text: string) => unknown };
  return rawJSON ? rawJSON(String(value)) : String(value);
}

/** Returns a value without the fields at these paths, such as `email` or `input.email`. The value itself stays. */
export function withoutFields(value: Row, paths: readonly string[]): Row {
  const copy = { ...value };
  for (const path of paths) {
    const [field = "", ...members] = path.split(".");
    const inner = copy[field];
    // A path leads to one member, whose name may have dots.
    if (!members.length) delete copy[field];
    else if (isRow(inner)) copy[field] = without(inner, members.join("."));
  }
  return copy;
}

function without(row: Row, member: string): Row {
  return Object.fromEntries(Object.entries(row).filter(([name]) => name !== member));
}

function isRow(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
