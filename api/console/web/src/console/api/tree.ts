/** A node at its place in a tree. */
export type TreeRow<Node> = { node: Node; depth: number; hasChildren: boolean };

/** How the nodes of a tree are connected. */
export type Edges<Node> = { idOf(node: Node): string; parentOf(node: Node): string | null | undefined };

/**
 * Returns the nodes in the order of the tree, each below its parent; what is inside a `closed` node is left out. A node
 * whose parent is not among them has no parent.
 */
export function treeRows<Node>(
  nodes: Node[],
  { idOf, parentOf }: Edges<Node>,
  closed: ReadonlySet<string>,
): TreeRow<Node>[] {
  const ids = new Set(nodes.map(idOf));
  const children = new Map<string, Node[]>();
  const roots: Node[] = [];
  for (const node of nodes) {
    const parent = parentOf(node);
    if (parent == null || !ids.has(parent)) roots.push(node);
    else if (!children.get(parent)?.push(node)) children.set(parent, [node]);
  }
  const rows: TreeRow<Node>[] = [];
  const waiting = roots.toReversed().map((node) => ({ node, depth: 0 }));
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { node, depth } = next;
    const inside = children.get(idOf(node)) ?? [];
    rows.push({ node, depth, hasChildren: inside.length > 0 });
    if (closed.has(idOf(node))) continue;
    for (const child of inside.toReversed()) waiting.push({ node: child, depth: depth + 1 });
  }
  return rows;
}
