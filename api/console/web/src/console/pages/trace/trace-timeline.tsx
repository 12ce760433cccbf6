import { useMemo } from "react";

import { linkTo, type PageState } from "../../address";
import { EntityLink } from "../../parts/links";
import { offset } from "../../parts/moment";
import { visible } from "../../parts/text";
import { VirtualList } from "../../parts/virtual-list";
import { type Lane, lanes, type TraceNode } from "./trace-tree";

const LANE_HEIGHT = 36;
const TICKS = [0, 0.25, 0.5, 0.75, 1];

type Props = { nodes: TraceNode[]; isByOrder: boolean; link(changes: PageState): string };

/** Returns the place of a node on the axis, from 0 to 1. */
type Place = (node: TraceNode) => number;

/** The trace as a timeline with a lane for each stream: what ran beside each other stands below each other. */
export function TraceTimeline({ nodes, isByOrder, link }: Props) {
  const streams = useMemo(() => lanes(nodes), [nodes]);
  const start = Date.parse(nodes[0]?.at ?? "");
  const span = Math.max(1, Date.parse(nodes.at(-1)?.at ?? "") - start);
  const place = useMemo((): Place => {
    const order = new Map(nodes.map(({ nodeId }, index) => [nodeId, index / Math.max(1, nodes.length - 1)]));
    return isByOrder
      ? ({ nodeId }) => order.get(nodeId) ?? 0
      : ({ at }) => Math.min(1, Math.max(0, (Date.parse(at) - start) / span));
  }, [nodes, isByOrder, start, span]);

  return (
    <div className="timeline">
      <p className="quiet">
        {isByOrder ? (
          <>
            In the order of the log. <a href={link({ scale: undefined })}>Show by time</a>
          </>
        ) : (
          <>
            By time. <a href={link({ scale: "order" })}>Show in the order of the log</a>, where bursts are wide
          </>
        )}
      </p>
      <div className="axis" aria-hidden="true">
        {!isByOrder &&
          TICKS.map((tick) => (
            <span key={tick} style={{ insetInlineStart: `${tick * 100}%` }}>
              {offset((tick * span) / 1000)}
            </span>
          ))}
      </div>
      <VirtualList
        count={streams.length}
        height={LANE_HEIGHT}
        label="Streams of the trace"
        rowKey={(index) => streams[index]?.stream ?? String(index)}
        row={(index) => {
          const lane = streams[index];
          return lane && <LaneRow lane={lane} place={place} start={start} />;
        }}
      />
      <ul className="legend" aria-label="Kinds of nodes">
        {["command", "event", "reaction", "effect", "outcome"].map((kind) => (
          <li key={kind}>
            <span className={`mark kind-${kind}`} /> {kind}
          </li>
        ))}
      </ul>
    </div>
  );
}

function LaneRow({ lane, place, start }: { lane: Lane; place: Place; start: number }) {
  return (
    <div className="lane">
      <EntityLink id={lane.stream} />
      <div className="track">
        {lane.waits.map(({ id, from, to }) => (
          <span
            key={id}
            className="wait"
            style={{ insetInlineStart: `${place(from) * 100}%`, width: `${(place(to) - place(from)) * 100}%` }}
          />
        ))}
        {lane.nodes.map((node) => {
          const name = `${node.kind.toLowerCase()} ${visible(node.name)}, ${offset((Date.parse(node.at) - start) / 1000)}`;
          return (
            <a
              key={node.nodeId}
              href={linkTo("entity", { id: node.stream, version: node.version ?? undefined })}
              className={`mark kind-${node.kind.toLowerCase()}`}
              style={{ insetInlineStart: `${place(node) * 100}%` }}
              title={name}
              aria-label={name}
            />
          );
        })}
      </div>
    </div>
  );
}
