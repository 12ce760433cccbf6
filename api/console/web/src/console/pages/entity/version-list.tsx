import { linkTo, type PageState } from "../../address";
import { Moment } from "../../parts/moment";
import { Line } from "../../parts/text";
import type { History } from "./use-history";

type Props = { id: string; state: PageState; history: History };

/** The versions around the selected one, the latest first. */
export function VersionList({ id, state, history: { page, selected } }: Props) {
  return (
    <section aria-labelledby="versions-title">
      <h2 id="versions-title">Versions</h2>
      <div className="scroll tall">
        <table>
          <thead>
            <tr>
              <th>version</th>
              <th>events</th>
              <th>time</th>
              <th>actor</th>
            </tr>
          </thead>
          <tbody>
            {page.toReversed().map(({ version, types, time, actor }) => (
              <tr key={version} className={version === selected?.version ? "selected" : undefined}>
                <td>
                  <a
                    href={linkTo("entity", { ...state, id, version })}
                    aria-current={version === selected?.version ? "true" : undefined}
                  >
                    {version}
                  </a>
                </td>
                <td>
                  <Line>{types.join(", ")}</Line>
                </td>
                <td>
                  <Moment at={time} />
                </td>
                <td>{actor && <Line>{actor}</Line>}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
