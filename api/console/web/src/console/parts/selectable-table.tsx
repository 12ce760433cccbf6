import type { ReactNode } from "react";

import { type BulkAction, BulkActions } from "./bulk-actions";
import { ChooseAll, type Selection, useSelection } from "./selection";

type Props<Item> = {
  /** What the items are, in the plural. */
  noun: string;
  /** The listed items; undefined until they are read. */
  items: Item[] | undefined;
  idOf(item: Item): string;
  nameOf(item: Item): string;
  /** What the caller can do about the chosen items; without any, there is nothing to choose. */
  actions: BulkAction<Item>[];
  /** Further actions, shown after those on the chosen items. */
  moreActions?: ReactNode;
  reload(): void;
  /** The cells of the head, after the one that chooses all. */
  head: ReactNode;
  renderRow(item: Item, selection: Selection<Item>): ReactNode;
};

/** A table of items, with the actions on those that are chosen in it. */
export function SelectableTable<Item>({ items, actions, moreActions, head, renderRow, ...bulk }: Props<Item>) {
  const selection = useSelection(items ?? [], bulk.idOf);
  if (!items) return null;
  return (
    <>
      {actions.length > 0 && (
        <>
          <BulkActions {...bulk} listed={items.length} selection={selection} actions={actions} />
          {moreActions}
        </>
      )}
      {items.length > 0 && (
        <div className="scroll">
          <table>
            <thead>
              <tr>
                {actions.length > 0 && (
                  <th>
                    <ChooseAll items={items} selection={selection} />
                  </th>
                )}
                {head}
              </tr>
            </thead>
            <tbody>{items.map((item) => renderRow(item, selection))}</tbody>
          </table>
        </div>
      )}
    </>
  );
}
