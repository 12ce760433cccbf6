import { useContext } from "react";

import type { Operation } from "../../api/http";
import { CancelRebuild, ForgetGenerations, RebuildView, ResumeRebuild, SwitchView } from "../../api/operations";
import { type Action, RowActions } from "../../parts/row-actions";
import { Session } from "../../session";
import type { Generation, ViewStatus } from "./use-views";

/** An action on a view, which is possible in some states of its generations. */
type ViewAction = {
  mutation: string;
  name: string;
  effect: string;
  operation: Operation<unknown, { name: string }>;
  isPossible(states: Set<Generation["state"]>): boolean;
};

const ACTIONS: ViewAction[] = [
  {
    mutation: "rebuildView",
    name: "Rebuild",
    effect: "Workers build its rows again from the log, beside those that are read, compare both and switch.",
    operation: RebuildView,
    isPossible: (states) => !states.has("BUILDING") && !states.has("HELD"),
  },
  {
    mutation: "cancelRebuild",
    name: "Cancel rebuild",
    effect: "Workers stop building the new rows. The rebuild can be resumed.",
    operation: CancelRebuild,
    isPossible: (states) => states.has("BUILDING") || states.has("HELD"),
  },
  {
    mutation: "resumeRebuild",
    name: "Resume rebuild",
    effect: "Workers go on building the rows where they stopped.",
    operation: ResumeRebuild,
    isPossible: (states) => states.has("CANCELLED"),
  },
  {
    mutation: "switchView",
    name: "Switch",
    effect: "Queries read the new rows from then on, in spite of the reason for which they are held.",
    operation: SwitchView,
    isPossible: (states) => states.has("HELD"),
  },
  {
    mutation: "forgetGenerations",
    name: "Forget earlier rows",
    effect: "The rows that are no longer read are deleted. They cannot be switched back to.",
    operation: ForgetGenerations,
    isPossible: (states) => states.has("KEPT"),
  },
];

/** What can be done with a view in its present state. */
export function ViewActions({ view }: { view: ViewStatus }) {
  const { http, schema } = useContext(Session);
  const states = new Set(view.generations.map(({ state }) => state));
  const actions = ACTIONS.filter(({ mutation }) => schema.hasMutation(mutation)).map(
    ({ name, effect, operation, isPossible }): Action<ViewStatus> => ({
      name,
      effect,
      asksReason: false,
      isOffered: () => isPossible(states),
      run: async (view) => (await http.run(operation, { name: view.name })).problems,
    }),
  );
  return <RowActions item={view} name={view.name} actions={actions} />;
}
