import { useContext } from "react";

import type { PageState } from "../../../address";
import { useOperation, useSubscription, useThrottled } from "../../../api/hooks";
import { ApiKeys, ApiKeyTail, ApiKeyUses } from "../../../api/operate";
import { GraphiqlLink } from "../../../parts/links";
import { Problems } from "../../../parts/problems";
import { SelectableTable } from "../../../parts/selectable-table";
import { Session } from "../../../session";
import { linkToSection } from "../section-link";
import { type ApiKey, useRevocation } from "./key-actions";
import { IssueKey } from "./issue-key";
import { KeyRow } from "./key-row";

const idOf = ({ id }: ApiKey) => id;
const nameOf = ({ name }: ApiKey) => name;

/** The API keys of the tenant, those issued last first; those that are revoked on request. */
export function KeysSection({ state: { revoked, after } }: { state: PageState }) {
  const { schema } = useContext(Session);
  const filter = revoked ? undefined : { revokedAt: { isNull: true } };
  const { data, problems, reload } = useOperation(ApiKeys, { filter, after });
  const reloadSoon = useThrottled(reload);
  const tailProblems = useSubscription(
    ApiKeyTail,
    schema.hasSubscription("apiKeys") ? {} : null,
    ({ apiKeys }) => apiKeys.__typename === "ApiKeyChanged" && reloadSoon(),
  );
  const keys = data?.apiKeys?.nodes;
  const page = data?.apiKeys?.pageInfo;
  const lastUses = useLastUses(keys);
  const actions = useRevocation();
  return (
    <>
      <menu>
        {schema.hasMutation("issueApiKey") && <IssueKey reload={reload} />}
        <a href={linkToSection("keys", { revoked: revoked ? "" : "true" })}>
          {revoked ? "Hide revoked keys" : "Show revoked keys too"}
        </a>
        <GraphiqlLink operation={ApiKeys} variables={{ filter }} />
      </menu>
      <Problems problems={[...problems, ...tailProblems]} about="the API keys" />
      {keys?.length === 0 && <p className="empty">There is no key{!revoked && " that is not revoked"}.</p>}
      <SelectableTable
        noun={{ one: "key", several: "keys" }}
        items={keys}
        idOf={idOf}
        nameOf={nameOf}
        actions={actions}
        reload={reload}
        head={
          <>
            <th>key</th>
            <th>acts as</th>
            <th>roles</th>
            <th>state</th>
            <th>last used</th>
            <th>issued</th>
            <th>actions</th>
          </>
        }
        renderRow={(apiKey, choice) => (
          <KeyRow
            key={apiKey.id}
            apiKey={apiKey}
            lastUsedAt={lastUses.get(apiKey._meta.key)}
            choice={choice}
            actions={actions}
            reload={reload}
          />
        )}
      />
      {page?.hasNextPage && (
        <a href={linkToSection("keys", { revoked, after: page.endCursor ?? "" })}>Next page</a>
      )}
    </>
  );
}

/** Returns when the keys were used last, by their ids; uses are in no event of the log. */
function useLastUses(keys: ApiKey[] | undefined): ReadonlyMap<string, string> {
  const { schema } = useContext(Session);
  const ids = keys?.map(({ _meta }) => _meta.key);
  const { data } = useOperation(ApiKeyUses, ids?.length && schema.hasQuery("apiKeyUses") ? { ids } : null);
  return new Map(data?.apiKeyUses?.map(({ keyId, lastUsedAt }) => [keyId, lastUsedAt]));
}
