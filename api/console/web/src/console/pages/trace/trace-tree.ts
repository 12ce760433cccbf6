import type { Edges } from "../../api/tree";
import type { TraceQuery } from "../../api/types";

export type TraceNode = NonNullable<TraceQuery["trace"]>["nodes"][number];

/** The tree of causes. A cause outside the trace has another correlation id. */
export const CAUSES: Edges<TraceNode> = { idOf: ({ nodeId }) => nodeId, parentOf: ({ parentId }) => parentId };

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
