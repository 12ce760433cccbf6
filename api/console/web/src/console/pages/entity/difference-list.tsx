import type { Difference } from "../../api/difference";
import { Json } from "../../parts/json";
import { Text } from "../../parts/text";

const SHOWN = 100;

/** What differs from the version before, value by value. */
export function DifferenceList({ changes }: { changes: Difference[] }) {
  if (!changes.length) return <p className="quiet">Nothing differs from the version before.</p>;
  return (
    <details className="difference" open={changes.length <= 12}>
      <summary>
        {changes.length.toLocaleString("en")} {changes.length === 1 ? "difference" : "differences"} from the version
        before
      </summary>
      <table>
        <thead>
          <tr>
            <th>path</th>
            <th>before</th>
            <th>after</th>
          </tr>
        </thead>
        <tbody>
          {changes.slice(0, SHOWN).map(({ path, before, after }) => (
            <tr key={path}>
              <td>
                <Text>{path}</Text>
              </td>
              <td className="removed">
                <Json value={before} />
              </td>
              <td className="added">
                <Json value={after} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {changes.length > SHOWN && <p className="quiet">The first {SHOWN} are shown.</p>}
    </details>
  );
}
