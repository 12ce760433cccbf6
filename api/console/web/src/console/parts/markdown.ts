import type { Row } from "../api/rows";
import { type Origin, type Report, type ReportList, writeJson } from "./report";
import { visible } from "./text";

/**
 * Writes a report as Markdown. Texts of the log stand in code spans and code blocks, in which nothing is markup, with
 * signs that are invisible or reorder text as their code points.
 */
export function toMarkdown(report: Report, { writtenAt, address }: Origin): string {
  const { page, id, facts, lists, leftOut } = report;
  const personal = leftOut.length
    ? `Fields that may have personal data are left out: ${leftOut.map(code).join(", ")}.`
    : "No field that may have personal data had to be left out.";
  const blocks = [
    `# ${title(page)} ${code(id)}`,
    `Written at ${code(writtenAt)} from ${code(address)}. ${personal}`,
    ...factBlocks(facts),
    ...Object.entries(lists).flatMap(([name, list]) => listBlocks(name, list)),
  ];
  return `${blocks.join("\n\n")}\n`;
}

/** Returns a text as a code span: the number of its marks is one that the text does not have. */
export function code(text: string): string {
  const line = visible(text).replace(/\r\n|[\n\r\u2028\u2029]/g, " ⏎ ");
  if (!line.trim()) return "(blank)";
  const marks = "`".repeat(longestRun(line) + 1);
  // A blank on both sides is taken away by readers.
  return /^[` ]|[` ]$/.test(line) ? `${marks} ${line} ${marks}` : `${marks}${line}${marks}`;
}

function factBlocks(facts: Row): string[] {
  const entries = Object.entries(facts).filter(([, value]) => !isBlank(value));
  const flat = entries.filter(([, value]) => !isNested(value));
  const nested = entries.filter(([, value]) => isNested(value));
  const rows = flat.map(([name, value]) => `| ${cell(name)} | ${cell(written(value))} |`);
  return [
    ...(rows.length ? [["| field | value |", "| --- | --- |", ...rows].join("\n")] : []),
    ...nested.flatMap(([name, value]) => [`### ${code(name)}`, block(value)]),
  ];
}

function listBlocks(name: string, list: ReportList): string[] {
  const heading = `## ${title(name)} (${list.rows.length})`;
  const notice = list.isCut ? ["There are more of them than this file has."] : [];
  if ("columns" in list) return [heading, ...notice, ...tableOf(list.rows, list.columns)];
  const details = list.rows.map((row, index) => detailBlocks(row, `### ${index + 1}: ${written(row[list.heading])}`));
  return [heading, ...notice, ...details.flat()];
}

/** Returns a table of these fields, without those that no row has. */
function tableOf(rows: Row[], names: string[]): string[] {
  const columns = names.filter((name) => rows.some((row) => !isBlank(row[name])));
  if (!columns.length) return [];
  const line = (cells: string[]) => `| ${cells.map(cell).join(" | ")} |`;
  return [
    [
      line(columns),
      `|${" --- |".repeat(columns.length)}`,
      ...rows.map((row) => line(columns.map((name) => written(row[name])))),
    ].join("\n"),
  ];
}

/** Returns a row with its values below each other. */
function detailBlocks(row: Row, heading: string): string[] {
  const entries = Object.entries(row).filter(([, value]) => !isBlank(value));
  const flat = entries.filter(([, value]) => !isNested(value));
  return [
    heading,
    ...(flat.length ? [flat.map(([name, value]) => `- ${name}: ${written(value)}`).join("\n")] : []),
    ...entries.filter(([, value]) => isNested(value)).flatMap(([name, value]) => [`${name}:`, block(value)]),
  ];
}

function written(value: unknown): string {
  if (isBlank(value)) return "";
  if (Array.isArray(value)) return value.map(written).join(", ");
  return typeof value === "string" ? code(value) : String(value);
}

function block(value: unknown): string {
  const text = visible(writeJson(value));
  const marks = "`".repeat(Math.max(3, longestRun(text) + 1));
  return `${marks}json\n${text}\n${marks}`;
}

/** Escapes the pipes of a cell. After a backslash some readers do not take a pipe as escaped, so it is named. */
function cell(markdown: string): string {
  return markdown.replaceAll("\\|", "\\⟨U+007C⟩").replaceAll("|", "\\|");
}

function longestRun(text: string): number {
  return (text.match(/`+/g) ?? []).reduce((longest, run) => Math.max(longest, run.length), 0);
}

function isNested(value: unknown): boolean {
  if (Array.isArray(value)) return value.some((item) => typeof item === "object");
  return typeof value === "object" && value !== null;
}

function isBlank(value: unknown): boolean {
  return value === null || value === undefined || value === "" || (Array.isArray(value) && !value.length);
}

function title(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}
