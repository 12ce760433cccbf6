import { useContext, useState } from "react";

import type { Operation } from "../../api/http";
import { CancelRebuild, ForgetGenerations, RebuildView, ResumeRebuild, SwitchView } from "../../api/operations";
import { Confirm } from "../../parts/confirm";
import { visible } from "../../parts/text";
import { Session } from "../../session";
import type { Generation, ViewStatus } from "./use-views";

/** An action on a view, as it is offered and asked about. */
type Action = {
  mutation: string;
  name: string;
  effect: string;
  operation: Operation<unknown, { name: string }>;
  isOffered(states: Set<Generation["state"]>): boolean;
};

const ACTIONS: Action[] = [
  {
    mutation: "rebuildView",
    name: "Rebuild",
    effect: "Workers build its rows again from the log, beside those that are read, compare both and switch.",
    operation: RebuildView,
    isOffered: (states) => !states.has("BUILDING") && !states.has("HELD"),
  },
  {
    mutation: "cancelRebuild",
    name: "Cancel rebuild",
    effect: "Workers stop building the new rows. The rebuild can be resumed.",
    operation: CancelRebuild,
    isOffered: (states) => states.has("BUILDING") || states.has("HELD"),
  },
  {
    mutation: "resumeRebuild",
    name: "Resume rebuild",
    effect: "Workers go on building the rows where they stopped.",
    operation: ResumeRebuild,
    isOffered: (states) => states.has("CANCELLED"),
  },
  {
    mutation: "switchView",
    name: "Switch",
    effect: "Queries read the new rows from then on, in spite of the reason for which they are held.",
    operation: SwitchView,
    isOffered: (states) => states.has("HELD"),
  },
  {
    mutation: "forgetGenerations",
    name: "Forget earlier rows",
    effect: "The rows that are no longer read are deleted. They cannot be switched back to.",
    operation: ForgetGenerations,
    isOffered: (states) => states.has("KEPT"),
  },
];

/** What can be done with a view in its present state. */
export function ViewActions({ view }: { view: ViewStatus }) {
  const { http, schema } = useContext(Session);
  const [asked, setAsked] = useState<Action>();
  const states = new Set(view.generations.map(({ state }) => state));
  const actions = ACTIONS.filter((action) => action.isOffered(states) && schema.hasMutation(action.mutation));
  return (
    <>
      {actions.map((action) => (
        <button key={action.name} type="button" onClick={() => setAsked(action)}>
          {action.name}
          <span className="hidden"> {visible(view.name)}</span>
        </button>
      ))}
      {asked && (
        <Confirm
          title={`${asked.name}: ${view.name}`}
          effect={asked.effect}
          action={asked.name}
          asksReason={false}
          run={async () => (await http.run(asked.operation, { name: view.name })).problems}
          close={() => setAsked(undefined)}
        />
      )}
    </>
  );
}
