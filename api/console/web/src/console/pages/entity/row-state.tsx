import { useContext, useEffect, useMemo, useState } from "react";

import { linkTo, type PageState } from "../../address";
import { differences, fieldOf } from "../../api/difference";
import type { Operation } from "../../api/http";
import { useEpoch, useOperation } from "../../api/hooks";
import type { Point, RowStates, RowVariables } from "../../api/rows";
import type { ViewQuery } from "../../api/schema";
import { Json } from "../../parts/json";
import { EntityLink } from "../../parts/links";
import { Problems } from "../../parts/problems";
import { Session } from "../../session";
import { DifferenceList } from "./difference-list";
import { whyLinkId } from "./why-panel";

type Props = {
  id: string;
  view: ViewQuery;
  now: Point;
  /** The position of the version before; undefined if the row is not compared with an earlier one. */
  before: string | undefined;
  state: PageState;
};

/** The query of a row, which is made from the schema, and whether it has the row at two points. */
type RowQuery = { operation: Operation<RowStates, RowVariables>; isCompared: boolean };

const NOT_READY: RowQuery["operation"] = { text: "" };

/** The row of a view at one point: its fields, what has changed since the version before, and links to why. */
export function RowState({ id, view, now, before, state }: Props) {
  const { rows, schema } = useContext(Session);
  const [query, setQuery] = useState<RowQuery>();
  const epoch = useEpoch();
  const isCompared = before !== undefined;
  useEffect(() => {
    void rows.compare(view, isCompared).then((operation) => setQuery({ operation, isCompared }));
  }, [rows, view.singular, isCompared, epoch]);

  const isReady = query?.isCompared === isCompared;
  const variables: RowVariables = { id, now, before: before === undefined ? undefined : { position: before } };
  const { data, problems, isLoading } = useOperation(query?.operation ?? NOT_READY, isReady ? variables : null);
  // While the next version is read, what is shown may be a row that is not compared.
  const hasBefore = data !== undefined && "before" in data;
  const changes = useMemo(() => (hasBefore ? differences(data.before ?? {}, data.now ?? {}) : []), [data]);
  const changed = new Set(changes.filter(({ path }) => path !== "/id").map(({ path }) => fieldOf(path)));
  const hasWhy = schema.hasQuery(`${view.singular}Why`);

  return (
    <section aria-busy={isLoading || !isReady} aria-labelledby="row-title">
      <h2 id="row-title">{now ? "State then" : "State now"}</h2>
      <Problems problems={problems} about={`the row ${id}`} />
      {data?.now === null && <p>There is no row: it does not exist at this point, or you may not see it.</p>}
      {data?.now && (
        <table className="fields">
          <tbody>
            {Object.entries(data.now)
              .filter(([name]) => name !== "id")
              .map(([name, value]) => (
                <tr key={name} className={changed.has(name) ? "changed" : undefined}>
                  <th scope="row">{name}</th>
                  <td>{isReference(name, value) ? <EntityLink id={value} /> : <Json value={value} />}</td>
                  <td>
                    {hasWhy && (
                      <a
                        id={whyLinkId(name)}
                        href={linkTo("entity", { ...state, id, why: name })}
                        aria-current={state.why === name ? "true" : undefined}
                      >
                        why<span className="hidden"> has {name} this value?</span>
                      </a>
                    )}
                  </td>
                </tr>
              ))}
          </tbody>
        </table>
      )}
      {hasBefore && <DifferenceList changes={changes.filter(({ path }) => path !== "/id")} />}
    </section>
  );
}

/** Whether a field has the id of another entity, by the name that such fields have. */
function isReference(name: string, value: unknown): value is string {
  return name.endsWith("Id") && typeof value === "string" && /^[a-z]+-./.test(value);
}
