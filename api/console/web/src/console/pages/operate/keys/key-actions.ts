import { useContext } from "react";

import { RevokeApiKey } from "../../../api/operate";
import type { ApiKeysQuery } from "../../../api/types";
import type { Action } from "../../../parts/row-actions";
import { Session } from "../../../session";

export type ApiKey = NonNullable<ApiKeysQuery["apiKeys"]>["nodes"][number];

/** What to do with a secret of which only a hash is stored. */
export const HASHED = "Copy it now: nerve stores a hash of it, and shows it this one time.";

/** Whether a key can be used: it has neither been revoked nor expired. */
export function isUsable({ revokedAt, expiresAt }: ApiKey): boolean {
  return !revokedAt && (!expiresAt || Date.parse(expiresAt) > Date.now());
}

/** Returns how the caller can revoke keys; nothing if it may not. */
export function useRevocation(): Action<ApiKey>[] {
  const { http, schema } = useContext(Session);
  const revoke: Action<ApiKey> = {
    name: "Revoke",
    effect: "Requests with the key are refused from now on, and the connections of its holder are closed. This is final.",
    asksReason: true,
    isOffered: ({ revokedAt }) => !revokedAt,
    run: async ({ id }, reason) => (await http.run(RevokeApiKey, { input: { id, reason } })).problems,
  };
  return schema.hasMutation("revokeApiKey") ? [revoke] : [];
}
