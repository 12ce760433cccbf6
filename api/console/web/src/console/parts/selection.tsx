import { useEffect, useMemo, useRef, useState } from "react";

import { visible } from "./text";

/** The items of a list that are chosen for an action. */
export type Selection<Item> = {
  chosen: Item[];
  isChosen(item: Item): boolean;
  choose(items: Item[], isChosen: boolean): void;
};

/** Chooses among `items`. One that leaves the list is no longer chosen. */
export function useSelection<Item>(items: Item[], idOf: (item: Item) => string): Selection<Item> {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  return useMemo(
    () => ({
      chosen: items.filter((item) => ids.has(idOf(item))),
      isChosen: (item) => ids.has(idOf(item)),
      choose(changed, isChosen) {
        setIds((before) => {
          const next = new Set(before);
          changed.forEach((item) => (isChosen ? next.add(idOf(item)) : next.delete(idOf(item))));
          return next;
        });
      },
    }),
    [items, ids],
  );
}

type ChooseProps<Item> = { item: Item; name: string; selection: Selection<Item> };

export function Choose<Item>({ item, name, selection }: ChooseProps<Item>) {
  return (
    <label className="choose">
      <input
        type="checkbox"
        checked={selection.isChosen(item)}
        onChange={({ target }) => selection.choose([item], target.checked)}
      />
      <span className="hidden">choose {visible(name)}</span>
    </label>
  );
}

/** Chooses every item that is listed, or none. */
export function ChooseAll<Item>({ items, selection }: { items: Item[]; selection: Selection<Item> }) {
  const box = useRef<HTMLInputElement>(null);
  const count = selection.chosen.length;
  useEffect(() => {
    if (box.current) box.current.indeterminate = count > 0 && count < items.length;
  }, [count, items.length]);
  return (
    <label className="choose">
      <input
        ref={box}
        type="checkbox"
        checked={count > 0 && count === items.length}
        onChange={({ target }) => selection.choose(items, target.checked)}
      />
      <span className="hidden">choose all that are listed</span>
    </label>
  );
}
