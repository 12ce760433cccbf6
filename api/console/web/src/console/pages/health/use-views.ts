import { useContext, useEffect, useState } from "react";

import { useOperation, useSubscription } from "../../api/hooks";
import { ViewStatuses, ViewStatusTail } from "../../api/operations";
import type { Problem } from "../../api/problems";
import type { ViewStatusesQuery } from "../../api/types";
import { Session } from "../../session";

export type ViewStatus = NonNullable<ViewStatusesQuery["viewStatus"]>[number];
export type Generation = ViewStatus["generations"][number];

/** Returns what keeps a view from coming further, or what it waits for while its rows are read as before. */
export function obstacleOf({ obstacle, generations }: ViewStatus): ViewStatus["obstacle"] {
  return obstacle ?? (generations.some(({ state }) => state === "HELD") ? "HELD" : null);
}

/** A view as a connection delivered it; each new connection has a higher epoch. */
type Change = { view: ViewStatus; epoch: number };

/** Returns the views as they change. */
export function useViews(): { views: ViewStatus[]; problems: Problem[] } {
  const { live, schema } = useContext(Session);
  const { data, problems } = useOperation(ViewStatuses, schema.hasQuery("viewStatus") ? {} : null);
  const [changed, setChanged] = useState<ReadonlyMap<string, Change>>(new Map());
  const tailProblems = useSubscription(
    ViewStatusTail,
    schema.hasSubscription("viewStatus") ? {} : null,
    ({ viewStatus }) => setChanged((views) => new Map(views).set(viewStatus.name, { view: viewStatus, epoch: live.epoch })),
  );

  // What is read after a lost connection is newer than what that connection delivered.
  useEffect(() => {
    setChanged((views) => new Map([...views].filter(([, { epoch }]) => epoch === live.epoch)));
  }, [data]);

  const views = (data?.viewStatus ?? []).map((view) => changed.get(view.name)?.view ?? view);
  return { views, problems: [...problems, ...tailProblems] };
}
