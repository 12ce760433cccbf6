import { useContext } from "react";

import { RevokeApiKey } from "../../../api/operate";
import type { ApiKeysQuery } from "../../../api/types";
import type { BulkAction } from "../../../parts/bulk-actions";
import { Session } from "../../../session";

export type ApiKey = NonNullable<ApiKeysQuery["apiKeys"]>["nodes"][number];

/** Whether a key can be used: it has neither been revoked nor expired. */
export function isUsable({ revokedAt, expiresAt }: ApiKey): boolean {
  return !revokedAt && (!expiresAt || Date.parse(expiresAt) > Date.now());
}

/** Returns how the caller can revoke keys; nothing if it may not. */
export function useRevocation(): BulkAction<ApiKey>[] {
  const { http, schema } = useContext(Session);
  const revoke: BulkAction<ApiKey> = {
    name: "Revoke",
    effect: "Requests with the key are refused from now on, and the connections of its holder are closed. This is final.",
    asksReason: true,
    isOffered: ({ revokedAt }) => !revokedAt,
    run: async ({ id }, reason) => (await http.run(RevokeApiKey, { input: { id, reason } })).problems,
  };
  return schema.hasMutation("revokeApiKey") ? [revoke] : [];
}
