import { useVirtualizer } from "@tanstack/react-virtual";
import { type ReactNode, type UIEvent, useEffect, useRef } from "react";

/** Pixels from the end of a list within which it counts as its end. */
const NEAR_END = 40;

type Props = {
  count: number;
  /** The height of every row, in pixels. */
  height: number;
  label: string;
  row(index: number): ReactNode;
  rowKey(index: number): string;
  /** Whether the list keeps its end in view while it grows. */
  isAtEnd?: boolean;
  /** Called when the list is moved to its end, and away from it. */
  onEndChange?(isAtEnd: boolean): void;
};

/** The pixels of the borders above and below the rows. */
const BORDERS = 2;

/** A list of which only the rows in view are in the page, however long it is. */
export function VirtualList({ count, height, label, row, rowKey, isAtEnd = false, onEndChange }: Props) {
  const frame = useRef<HTMLDivElement>(null);
  const lastTop = useRef(0);
  const virtualizer = useVirtualizer({
    count,
    getScrollElement: () => frame.current,
    estimateSize: () => height,
    getItemKey: rowKey,
    overscan: 12,
  });

  useEffect(() => {
    if (isAtEnd && frame.current) frame.current.scrollTop = frame.current.scrollHeight;
  });

  function onScroll({ currentTarget: { scrollTop, scrollHeight, clientHeight } }: UIEvent<HTMLElement>) {
    const isEnd = scrollHeight - scrollTop - clientHeight < NEAR_END;
    // A list that grows has its end further away at once, but only a movement upwards leaves it.
    if (isEnd || scrollTop < lastTop.current) onEndChange?.(isEnd);
    lastTop.current = scrollTop;
  }

  return (
    <div
      ref={frame}
      className="virtual"
      role="list"
      aria-label={label}
      tabIndex={0}
      style={{ maxHeight: count * height + BORDERS }}
      onScroll={onScroll}
    >
      <div style={{ height: virtualizer.getTotalSize() }}>
        {virtualizer.getVirtualItems().map((item) => (
          <div
            key={item.key}
            role="listitem"
            aria-setsize={count}
            aria-posinset={item.index + 1}
            style={{ height, transform: `translateY(${item.start}px)` }}
          >
            {row(item.index)}
          </div>
        ))}
      </div>
    </div>
  );
}
