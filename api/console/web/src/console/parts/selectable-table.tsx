import type { ReactNode } from "react";

import { BulkActions, type Noun } from "./bulk-actions";
import type { Action } from "./row-actions";
import { Choose, ChooseAll, useSelection } from "./selection";

type Props<Item> = {
  /** What the items are. */
  noun: Noun;
  /** The items; undefined while they are read for the first time. */
  items: Item[] | undefined;
  idOf(item: Item): string;
  nameOf(item: Item): string;
  actions: Action<Item>[];
  /** Further actions, shown after those on the chosen items. */
  moreActions?: ReactNode;
  /** The cells of the head, apart from that of the choice. */
  head: ReactNode;
  /** A row; `choice` is its first cell. */
  renderRow(item: Item, choice: ReactNode): ReactNode;
  reload(): void;
};

const NONE: never[] = [];

/** A table of which some or all items can be chosen for an action. Without an action there is nothing to choose. */
export function SelectableTable<Item>({ items, actions, moreActions, head, renderRow, ...bulk }: Props<Item>) {
  const selection = useSelection<Item>(items ?? NONE, bulk.idOf);
  if (!items) return null;
  const hasActions = actions.length > 0;

  function choiceOf(item: Item) {
    return (
      <td>
        <Choose item={item} name={bulk.nameOf(item)} selection={selection} />
      </td>
    );
  }

  return (
    <>
      {hasActions && (
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
                {hasActions && (
                  <th>
                    <ChooseAll items={items} selection={selection} />
                  </th>
                )}
                {head}
              </tr>
            </thead>
            <tbody>{items.map((item) => renderRow(item, hasActions && choiceOf(item)))}</tbody>
          </table>
        </div>
      )}
    </>
  );
}
