import { useContext, useState } from "react";

import type { PageState } from "../../address";
import { useOperation } from "../../api/hooks";
import { TenantCounts, Tenants } from "../../api/operate";
import type { Problem } from "../../api/problems";
import type { TenantCountsQuery, TenantsQuery } from "../../api/types";
import { GraphiqlLink } from "../../parts/links";
import { Moment } from "../../parts/moment";
import { Problems } from "../../parts/problems";
import { bytes } from "../../parts/sizes";
import { Line, visible } from "../../parts/text";
import { Session } from "../../session";
import { linkToSection } from "./section-link";

type Tenant = NonNullable<TenantsQuery["tenants"]>[number];
type Counts = TenantCountsQuery["tenantCounts"];

/** Tenants of a page, as the operation reads them. */
const PAGE = 50;

/** The tenants that the log has. What each has is counted on request, as the whole log is read for that. */
export function TenantsSection({ state: { after } }: { state: PageState }) {
  const { data, problems } = useOperation(Tenants, { after });
  const tenants = data?.tenants;
  return (
    <>
      <p>
        <GraphiqlLink operation={Tenants} variables={{ after }} />
      </p>
      <Problems problems={problems} about="the tenants" />
      {tenants?.length === 0 && <p className="empty">The log has no tenant{after && " after this one"}.</p>}
      {tenants && tenants.length > 0 && (
        <div className="scroll">
          <table>
            <thead>
              <tr>
                <th>tenant</th>
                <th>first commit</th>
                <th>last commit</th>
                <th className="number">streams</th>
                <th className="number">commits</th>
                <th className="number">events</th>
                <th className="number">bytes</th>
                <th>actions</th>
              </tr>
            </thead>
            <tbody>
              {tenants.map((tenant) => (
                <TenantRow key={tenant.name} tenant={tenant} />
              ))}
            </tbody>
          </table>
        </div>
      )}
      {tenants?.length === PAGE && <a href={linkToSection("tenants", { after: tenants.at(-1)?.name })}>Next page</a>}
    </>
  );
}

function TenantRow({ tenant: { name, firstAt, lastAt } }: { tenant: Tenant }) {
  const { http } = useContext(Session);
  const [counts, setCounts] = useState<Counts>(null);
  const [problems, setProblems] = useState<Problem[]>([]);
  const [isCounting, setIsCounting] = useState(false);

  async function count() {
    setIsCounting(true);
    const result = await http.run(TenantCounts, { name });
    setIsCounting(false);
    setCounts(result.data?.tenantCounts ?? null);
    setProblems(result.problems);
  }

  return (
    <tr aria-busy={isCounting}>
      <th scope="row">
        <Line>{name}</Line>
      </th>
      <td>
        <Moment at={firstAt} />
      </td>
      <td>
        <Moment at={lastAt} />
      </td>
      <td className="number">{counts?.streams.toLocaleString("en")}</td>
      <td className="number">{counts?.commits.toLocaleString("en")}</td>
      <td className="number">{counts?.events.toLocaleString("en")}</td>
      <td className="number">{counts && bytes(counts.bytes)}</td>
      <td>
        <button type="button" onClick={() => void count()} disabled={isCounting}>
          {isCounting ? "Counting…" : "Count"}
          <span className="hidden"> what {visible(name)} has</span>
        </button>
        <Problems problems={problems} about={`the counts of ${name}`} />
      </td>
    </tr>
  );
}
