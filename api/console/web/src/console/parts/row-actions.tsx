import { type ReactNode, useState } from "react";

import type { Problem } from "../api/problems";
import { Confirm } from "./confirm";
import { visible } from "./text";

/** An action on an item of a list, as it is offered and asked about. */
export type Action<Item> = {
  name: string;
  /** What it does to each item. */
  effect: string;
  asksReason: boolean;
  /** The text of the button that does it, if its name says too little there. */
  confirmation?: string;
  /** What is entered beside the reason. */
  fields?: ReactNode;
  isOffered(item: Item): boolean;
  run(item: Item, reason: string, form?: FormData): Promise<Problem[]>;
};

type Props<Item> = {
  item: Item;
  name: string;
  actions: Action<Item>[];
  /** Reads the list again, where nothing else does. */
  reload?(): void;
};

/** The actions that are possible for one item. Each asks once. */
export function RowActions<Item>({ item, name, actions, reload }: Props<Item>) {
  const [asked, setAsked] = useState<Action<Item>>();

  // A refusal stays until it was read: with it, the item may leave the list.
  function close() {
    setAsked(undefined);
    reload?.();
  }

  return (
    <>
      {actions
        .filter((action) => action.isOffered(item))
        .map((action) => (
          <button key={action.name} type="button" onClick={() => setAsked(action)}>
            {action.name}
            <span className="hidden"> {visible(name)}</span>
          </button>
        ))}
      {asked && (
        <Confirm
          title={`${asked.name}: ${name}`}
          effect={asked.effect}
          action={asked.confirmation ?? asked.name}
          asksReason={asked.asksReason}
          run={(reason, form) => asked.run(item, reason, form)}
          close={close}
        >
          {asked.fields}
        </Confirm>
      )}
    </>
  );
}
