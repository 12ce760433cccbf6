import { useMemo } from "react";

import type { PageState } from "../../address";
import { type TreeRow, treeRows } from "../../api/tree";
import { Fold, useFolds } from "../../parts/fold";
import { duration, offset } from "../../parts/moment";
import { Line, visible } from "../../parts/text";
import { VirtualList } from "../../parts/virtual-list";
import { isFailed, PARENTS, roleOf, secondsBetween, type Span } from "./span";

const ROW_HEIGHT = 30;
const TICKS = [0, 0.25, 0.5, 0.75, 1];
/** Levels that are indented; deeper ones stay below each other, so that their names are in view. */
const INDENTED = 8;

type Props = { spans: Span[]; selected: string | undefined; link(changes: PageState): string };

/** The time that the axis shows: from when, in nanoseconds, and for how many seconds. */
type Extent = { start: string; seconds: number };

/** The spans of a run below each other, each at its time: what ran at the same time stands at the same place. */
export function Waterfall({ spans, selected, link }: Props) {
  const [closed, toggle] = useFolds();
  const rows = useMemo(() => treeRows(spans, PARENTS, closed), [spans, closed]);
  const extent = useMemo(() => extentOf(spans), [spans]);
  return (
    <div className="waterfall">
      <div className="axis" aria-hidden="true">
        {TICKS.map((tick) => (
          <span key={tick} style={{ insetInlineStart: `${tick * 100}%` }}>
            {offset(tick * extent.seconds)}
          </span>
        ))}
      </div>
      <VirtualList
        count={rows.length}
        height={ROW_HEIGHT}
        label="Spans of the run"
        rowKey={(index) => rows[index]?.node.spanId ?? String(index)}
        row={(index) => {
          const row = rows[index];
          if (!row) return undefined;
          const { spanId } = row.node;
          return (
            <SpanRow
              row={row}
              extent={extent}
              isSelected={spanId === selected}
              isClosed={closed.has(spanId)}
              link={link({ span: spanId })}
              toggle={() => toggle(spanId)}
            />
          );
        }}
      />
      <ul className="legend" aria-label="What has done the work">
        {["agent", "model", "tool", "other"].map((role) => (
          <li key={role}>
            <span className={`mark role-${role}`} /> {role}
          </li>
        ))}
        <li>
          <span className="mark failed" /> failed
        </li>
      </ul>
    </div>
  );
}

type RowProps = {
  row: TreeRow<Span>;
  extent: Extent;
  isSelected: boolean;
  isClosed: boolean;
  link: string;
  toggle(): void;
};

function SpanRow({ row: { node: span, depth, hasChildren }, extent, isSelected, isClosed, link, toggle }: RowProps) {
  const begin = secondsBetween(extent.start, span.startNano);
  const failed = isFailed(span);
  const length = duration(span.durationSeconds);
  const words = `${visible(span.name)}, ${length} from ${offset(begin)}${failed ? ", failed" : ""}`;
  return (
    <div className={isSelected ? "span-row selected" : "span-row"}>
      <div className="cause" style={{ paddingInlineStart: Math.min(depth, INDENTED) * 14 }}>
        <Fold
          hasChildren={hasChildren}
          isClosed={isClosed}
          label={`Spans inside ${visible(span.name)}`}
          toggle={toggle}
        />
        <a href={link} aria-label={words} title={words} aria-current={isSelected ? "true" : undefined}>
          <Line>{span.name}</Line>
        </a>
        {failed && <span className="badge severity-error">{visible(span.errorType ?? "failed")}</span>}
      </div>
      <div className="track">
        <span
          className={`bar role-${roleOf(span)}${failed ? " failed" : ""}`}
          style={{
            insetInlineStart: `${(begin / extent.seconds) * 100}%`,
            width: `${(span.durationSeconds / extent.seconds) * 100}%`,
          }}
        />
      </div>
      <span className="length">{length}</span>
    </div>
  );
}

function extentOf(spans: Span[]): Extent {
  const start = spans[0]?.startNano ?? "0";
  const ends = spans.map((span) => secondsBetween(start, span.startNano) + span.durationSeconds);
  // Not `Math.max(...ends)`, whose arguments are limited. A run of no length has an axis all the same.
  return { start, seconds: ends.reduce((last, end) => Math.max(last, end), 1e-6) };
}
