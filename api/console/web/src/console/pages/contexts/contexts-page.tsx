import type { PageState } from "../../address";
import { Contexts } from "../../api/operations";
import { GraphiqlLink } from "../../parts/links";
import { Problems } from "../../parts/problems";
import { Line } from "../../parts/text";
import { ContextDetail } from "./context-detail";
import { ContextTable } from "./context-table";
import { useContexts } from "./use-contexts";

/** The map of the contexts: what each declares, what follows it, and how busy it is. */
export function ContextsPage({ state }: { state: PageState }) {
  const { contexts, activities, problems } = useContexts();
  const chosen = contexts?.find(({ name }) => name === state.context);
  return (
    <>
      <h1>Contexts</h1>
      <p>
        <GraphiqlLink operation={Contexts} variables={{}} />
      </p>
      <Problems problems={problems} about="the contexts" />
      {!contexts && !problems.length && <p className="loading">Reading the contexts…</p>}
      {contexts && state.context && !chosen && (
        <p>
          There is no context <Line>{state.context}</Line> that you may see.
        </p>
      )}
      {contexts && chosen && <ContextDetail context={chosen} contexts={contexts} activities={activities} />}
      {contexts && (
        <>
          <ContextTable contexts={contexts} activities={activities} chosen={chosen?.name} />
          {activities && (
            <p className="quiet">
              Counted by the servers that report, each since its start; rates are those of the last minute.
            </p>
          )}
        </>
      )}
    </>
  );
}
