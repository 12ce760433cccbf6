import { useContext } from "react";

import { linkTo, type PageState } from "../../address";
import { useOperation } from "../../api/hooks";
import { FindNode, Versions } from "../../api/operations";
import { ExportMenu } from "../../parts/export-menu";
import { GraphiqlLink } from "../../parts/links";
import { Problems } from "../../parts/problems";
import { Line, visible } from "../../parts/text";
import { Session } from "../../session";
import { AggregateState } from "./aggregate-state";
import { entityReport } from "./entity-report";
import { ErasureNotice } from "./erasure-notice";
import { RowState } from "./row-state";
import { useHistory, useLatestVersion } from "./use-history";
import { VersionFacts } from "./version-facts";
import { VersionList } from "./version-list";
import { VersionSlider } from "./version-slider";
import { WhyPanel } from "./why-panel";

type Props = { id: string; state: PageState };

/** An entity, or a row of a view: what it is now, what it was at each version, and why. */
export function EntityPage({ id, state }: Props) {
  const { http, rows, schema } = useContext(Session);
  const { latest, problems } = useLatestVersion(id);
  const wanted = readVersion(state.version);
  const chosen = latest ? wanted && Math.min(wanted, latest) : wanted;
  const number = chosen ?? latest;
  const history = useHistory(id, number);
  const view = schema.viewOf(id);
  // Rows of views without a stream of their own have no events.
  const node = useOperation(FindNode, latest ? null : { id });

  if (!latest && node.data?.node === null) return <Unknown id={id} />;
  if (!latest && !node.data && !node.problems.length) return <p className="loading">Reading {visible(id.slice(0, 80))}…</p>;
  const field = state.why && /^\w+$/.test(state.why) ? state.why : undefined;
  const isNow = chosen === undefined || chosen === latest;
  const asOf = isNow || !history.selected ? undefined : { position: history.selected.position };
  return (
    <>
      <header className="page-head">
        <p className="quiet">{view?.typeName ?? "Stream"}</p>
        <h1>
          <Line>{id}</Line>
        </h1>
        {!!latest && (
          <p>
            <a href={linkTo("watch", { streams: id })}>Watch this stream</a> ·{" "}
            <GraphiqlLink operation={Versions} variables={{ id, after: 0, first: 50 }} />
          </p>
        )}
        {(isNow || asOf) && (
          <ExportMenu build={() => entityReport({ http, rows, schema }, { id, version: number, asOf })} />
        )}
      </header>
      <Problems problems={[...problems, ...history.problems]} about={`the history of ${id}`} />
      <ErasureNotice id={id} />
      {wanted !== chosen && <p className="notice">There is no version {wanted}. The latest one is shown.</p>}
      {!!latest && <VersionSlider id={id} state={state} number={number ?? latest} latest={latest} />}
      <div className="columns" aria-busy={history.isLoading}>
        <div>
          {view && (isNow || asOf) && (
            <RowState id={id} view={view} now={asOf} before={history.previous?.position} state={state} />
          )}
          {history.selected && history.previous !== undefined && (
            <AggregateState
              id={id}
              version={history.selected.version}
              from={history.previous?.version ?? 0}
              isOpen={!view}
            />
          )}
        </div>
        <div>
          {view && field && (isNow || asOf) && (
            <WhyPanel id={id} view={view} field={field} asOf={asOf} state={state} />
          )}
          {history.selected && <VersionFacts id={id} version={history.selected} previous={history.previous} />}
          {history.page.length > 0 && <VersionList id={id} state={state} history={history} />}
        </div>
      </div>
    </>
  );
}

/** Returns the version in an address, into which anything can be written; undefined for the latest. */
function readVersion(text: string | undefined): number | undefined {
  return text && /^[1-9]\d{0,14}$/.test(text) ? Number(text) : undefined;
}

function Unknown({ id }: { id: string }) {
  return (
    <>
      <h1>There is nothing here that you may see</h1>
      <p>
        No stream and no row has the id <Line>{id}</Line>, or it was erased, or you may not see it: nerve gives one
        answer to all three. Ids are exact, such as <code>task-01J…</code>; find others with Ctrl-K.
      </p>
    </>
  );
}
