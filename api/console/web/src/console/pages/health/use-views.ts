import { useContext, useState } from "react";

import { useOperation, useSubscription } from "../../api/hooks";
import { ViewStatuses, ViewStatusTail } from "../../api/operations";
import type { Problem } from "../../api/problems";
import type { ViewStatusesQuery } from "../../api/types";
import { Session } from "../../session";

export type ViewStatus = NonNullable<ViewStatusesQuery["viewStatus"]>[number];
export type Generation = ViewStatus["generations"][number];

/** Returns the views as they change. */
export function useViews(): { views: ViewStatus[]; problems: Problem[] } {
  const { schema } = useContext(Session);
  const { data, problems } = useOperation(ViewStatuses, schema.hasQuery("viewStatus") ? {} : null);
  const [changed, setChanged] = useState<ReadonlyMap<string, ViewStatus>>(new Map());
  const tailProblems = useSubscription(
    ViewStatusTail,
    schema.hasSubscription("viewStatus") ? {} : null,
    ({ viewStatus }) => setChanged((views) => new Map(views).set(viewStatus.name, viewStatus)),
  );
  const views = (data?.viewStatus ?? []).map((view) => changed.get(view.name) ?? view);
  return { views, problems: [...problems, ...tailProblems] };
}
