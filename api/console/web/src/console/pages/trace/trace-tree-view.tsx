import { useMemo } from "react";

import { type TreeRow, treeRows } from "../../api/tree";
import { Fold, useFolds } from "../../parts/fold";
import { EntityLink } from "../../parts/links";
import { duration, offset } from "../../parts/moment";
import { Line, visible } from "../../parts/text";
import { VirtualList } from "../../parts/virtual-list";
import { CAUSES, type TraceNode } from "./trace-tree";

const ROW_HEIGHT = 30;
/** Levels that are indented; deeper ones stay below each other, so that their names are in view. */
const INDENTED = 12;
/** Seconds after which a wait is marked. */
const LONG_WAIT = 1;

/** The trace as a tree of causes. */
export function TraceTreeView({ nodes }: { nodes: TraceNode[] }) {
  const [closed, toggle] = useFolds();
  const rows = useMemo(() => treeRows(nodes, CAUSES, closed), [nodes, closed]);
  const start = Date.parse(nodes[0]?.at ?? "");

  return (
    <VirtualList
      count={rows.length}
      height={ROW_HEIGHT}
      label="Nodes of the trace"
      rowKey={(index) => rows[index]?.node.nodeId ?? String(index)}
      row={(index) => {
        const row = rows[index];
        return row && <NodeRow row={row} start={start} isClosed={closed.has(row.node.nodeId)} toggle={toggle} />;
      }}
    />
  );
}

type RowProps = { row: TreeRow<TraceNode>; start: number; isClosed: boolean; toggle(id: string): void };

function NodeRow({ row: { node, depth, hasChildren }, start, isClosed, toggle }: RowProps) {
  const wait = node.secondsAfterParent ?? 0;
  return (
    <div className="node">
      <div className="cause" style={{ paddingInlineStart: Math.min(depth, INDENTED) * 18 }}>
        <Fold
          hasChildren={hasChildren}
          isClosed={isClosed}
          label={`What ${visible(node.name)} has caused`}
          toggle={() => toggle(node.nodeId)}
        />
        <span className={`badge kind-${node.kind.toLowerCase()}`}>{node.kind.toLowerCase()}</span>
        <span className="name">
          <Line>{node.detail ? `${node.name} ${node.detail}` : node.name}</Line>
        </span>
      </div>
      <EntityLink id={node.stream} version={node.version ?? undefined} />
      <span className="actor">{node.actor && <Line>{node.actor}</Line>}</span>
      <time dateTime={node.at} title={node.at} className={wait >= LONG_WAIT ? "long" : undefined}>
        {offset((Date.parse(node.at) - start) / 1000)}
        {wait >= LONG_WAIT && ` (after ${duration(wait)})`}
      </time>
    </div>
  );
}
