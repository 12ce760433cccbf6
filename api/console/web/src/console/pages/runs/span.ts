import type { Edges } from "../../api/tree";
import type { RunSpansQuery } from "../../api/types";

/** One operation of an agent, a model, a tool or a service. */
export type Span = NonNullable<RunSpansQuery["spans"]>["nodes"][number];

export type SpanRole = "agent" | "model" | "tool" | "other";

const ROLES: Record<string, SpanRole> = {
  invoke_agent: "agent",
  execute_tool: "tool",
  chat: "model",
  text_completion: "model",
  generate_content: "model",
  embeddings: "model",
};

/** The tree of spans. The parent is the id of a row, whose last part is that of the span. */
export const PARENTS: Edges<Span> = {
  idOf: ({ spanId }) => spanId,
  parentOf: ({ parentId }) => parentId?.slice(parentId.lastIndexOf("/") + 1),
};

/** Returns what has done the work of a span. Older instrumentations name a model and no operation. */
export function roleOf({ operation, requestModel }: Span): SpanRole {
  if (operation === null) return requestModel === null ? "other" : "model";
  return ROLES[operation] ?? "other";
}

export function isFailed({ status, errorType }: Span): boolean {
  return status === "ERROR" || errorType !== null;
}

/** Compares spans by when they began, exactly. */
export function byStart(first: Span, second: Span): number {
  const later = BigInt(first.startNano) - BigInt(second.startNano);
  if (later === 0n) return first.spanId.localeCompare(second.spanId);
  return later < 0n ? -1 : 1;
}

/** Returns the seconds from one time to another; both are in nanoseconds since 1970. */
export function secondsBetween(from: string, to: string): number {
  return Number(BigInt(to) - BigInt(from)) / 1e9;
}
