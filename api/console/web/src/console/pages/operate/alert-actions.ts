import { useContext } from "react";

import { AcknowledgeAlert, ResolveAlert } from "../../api/operate";
import type { AlertsQuery } from "../../api/types";
import type { Action } from "../../parts/row-actions";
import { Session } from "../../session";

export type Alert = NonNullable<AlertsQuery["alerts"]>["nodes"][number];

/** Returns what the caller can do about alerts. */
export function useAlertActions(): Action<Alert>[] {
  const { http, schema } = useContext(Session);
  const acknowledge: Action<Alert> = {
    name: "Acknowledge",
    effect: "The alert shows that somebody takes care of it. It is open again when it is raised with a higher severity.",
    asksReason: true,
    isOffered: ({ state }) => state === "OPEN",
    run: async ({ id }, note) => (await http.run(AcknowledgeAlert, { input: { id, note } })).problems,
  };
  const resolve: Action<Alert> = {
    name: "Resolve",
    effect: "The alert is over. It is open again when it is raised again.",
    asksReason: true,
    isOffered: ({ state }) => state !== "RESOLVED",
    run: async ({ id }, reason) => (await http.run(ResolveAlert, { input: { id, reason } })).problems,
  };
  return [
    ...(schema.hasMutation("acknowledgeAlert") ? [acknowledge] : []),
    ...(schema.hasMutation("resolveAlert") ? [resolve] : []),
  ];
}
