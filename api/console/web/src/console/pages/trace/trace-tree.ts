import type { TraceQuery } from "../../api/types";

export type TraceNode = NonNullable<TraceQuery["trace"]>["nodes"][number];

/** A node of a trace at its place in the tree. */
export type TreeRow = { node: TraceNode; depth: number; hasChildren: boolean };

/** Returns the nodes in the order of the tree, each below its cause; what is inside a `closed` node is left out. */
export function treeRows(nodes: TraceNode[], closed: ReadonlySet<string>): TreeRow[] {
  const ids = new Set(nodes.map(({ nodeId }) => nodeId));
  const children = new Map<string, TraceNode[]>();
  const roots: TraceNode[] = [];
  for (const node of nodes) {
    // A cause outside the trace has another correlation id.
    if (node.parentId === null || node.parentId === undefined || !ids.has(node.parentId)) roots.push(node);
    else if (!children.get(node.parentId)?.push(node)) children.set(node.parentId, [node]);
  }
  const rows: TreeRow[] = [];
  const waiting = roots.toReversed().map((node) => ({ node, depth: 0 }));
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { node, depth } = next;
    const inside = children.get(node.nodeId) ?? [];
    rows.push({ node, depth, hasChildren: inside.length > 0 });
    if (!closed.has(node.nodeId)) waiting.push(...inside.toReversed().map((child) => ({ node: child, depth: depth + 1 })));
  }
  return rows;
}

/** The nodes of one stream, and the stretches in which effects of it wait for their outcome. */
export type Lane = { stream: string; nodes: TraceNode[]; waits: { id: string; from: TraceNode; to: TraceNode }[] };

/** Returns the lanes of a timeline in the order in which the streams appear. */
export function lanes(nodes: TraceNode[]): Lane[] {
  const byId = new Map(nodes.map((node) => [node.nodeId, node]));
  const byStream = new Map<string, Lane>();
  for (const node of nodes) {
    let lane = byStream.get(node.stream);
    if (!lane) byStream.set(node.stream, (lane = { stream: node.stream, nodes: [], waits: [] }));
    lane.nodes.push(node);
    const effect = node.kind === "OUTCOME" && node.parentId ? byId.get(node.parentId) : undefined;
    if (effect) lane.waits.push({ id: node.nodeId, from: effect, to: node });
  }
  return [...byStream.values()];
}
