import type { Run } from "./run";
import { isFailed, roleOf, type Span } from "./span";

/** What the calls of one model or one tool in a run come to. */
export type Use = { calls: number; errors: number; seconds: number; input: bigint; output: bigint; cost: number };

/** A step of one run and the step of the other one that is like it, or a step that only one of them has. */
export type StepPair = { first?: Span; second?: Span };

/** Steps of each run that are aligned: the effort grows with their product. */
export const ALIGNED = 500;

/** A figure of two runs. */
export type Figure = { name: string; kind: "count" | "cost" | "seconds"; first: number; second: number };

export function figuresOf(first: Run, second: Run): Figure[] {
  const figure = (name: string, kind: Figure["kind"], read: (run: Run) => string | number): Figure => ({
    name,
    kind,
    first: Number(read(first)),
    second: Number(read(second)),
  });
  return [
    figure("duration", "seconds", (run) => run.durationSeconds),
    figure("cost", "cost", (run) => run.cost),
    figure("tokens in", "count", (run) => run.inputTokens),
    figure("tokens out", "count", (run) => run.outputTokens),
    figure("model calls", "count", (run) => run.modelCalls),
    figure("tool calls", "count", (run) => run.toolCalls),
    figure("agent calls", "count", (run) => run.agentCalls),
    figure("spans", "count", (run) => run.spans),
    figure("errors", "count", (run) => run.errors),
  ];
}

/** Returns what the calls of each model, or of each tool, come to, by its name. */
export function usesOf(spans: Span[], role: "model" | "tool"): Map<string, Use> {
  const uses = new Map<string, Use>();
  for (const span of spans.filter((each) => roleOf(each) === role)) {
    const name = nameOf(span);
    const use = uses.get(name) ?? { calls: 0, errors: 0, seconds: 0, input: 0n, output: 0n, cost: 0 };
    uses.set(name, {
      calls: use.calls + 1,
      errors: use.errors + Number(isFailed(span)),
      seconds: use.seconds + span.durationSeconds,
      input: use.input + BigInt(span.inputTokens ?? 0),
      output: use.output + BigInt(span.outputTokens ?? 0),
      cost: use.cost + Number(span.cost ?? 0),
    });
  }
  return uses;
}

/** Returns the calls of agents, models and tools of a run, which are compared. */
export function stepsOf(spans: Span[]): Span[] {
  return spans.filter((span) => roleOf(span) !== "other").slice(0, ALIGNED);
}

/** Aligns the steps of two runs so that as many as possible stand beside one that is like them, in their order. */
export function align(first: Span[], second: Span[]): StepPair[] {
  const lengths = commonLengths(first.map(labelOf), second.map(labelOf));
  const pairs: StepPair[] = [];
  let [i, j] = [0, 0];
  while (i < first.length || j < second.length) {
    const [left, right] = [first[i], second[j]];
    if (left && right && labelOf(left) === labelOf(right)) {
      pairs.push({ first: left, second: right });
      [i, j] = [i + 1, j + 1];
    } else if (left && (!right || lengths(i + 1, j) >= lengths(i, j + 1))) {
      pairs.push({ first: left });
      i += 1;
    } else if (right) {
      pairs.push({ second: right });
      j += 1;
    }
  }
  return pairs;
}

/** Returns a function that gives the length of the longest common subsequence from two indices on. */
function commonLengths(first: string[], second: string[]): (i: number, j: number) => number {
  const width = second.length + 1;
  const lengths = new Uint16Array((first.length + 1) * width);
  const at = (i: number, j: number) => lengths[i * width + j] ?? 0;
  for (let i = first.length - 1; i >= 0; i -= 1)
    for (let j = second.length - 1; j >= 0; j -= 1)
      lengths[i * width + j] = first[i] === second[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  return at;
}

/** Whether only one of the runs has the step, or it failed in one of them only. */
export function differs({ first, second }: StepPair): boolean {
  return !first || !second || isFailed(first) !== isFailed(second);
}

/** Returns what a step is compared by: what was called. */
function labelOf(span: Span): string {
  return `${roleOf(span)} ${nameOf(span)}`;
}

function nameOf(span: Span): string {
  const names = { model: span.model, tool: span.toolName, agent: span.agentName, other: null };
  return names[roleOf(span)] ?? span.name;
}
