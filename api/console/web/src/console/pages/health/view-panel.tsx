import { useEffect, useRef } from "react";

import { linkTo, type PageState } from "../../address";
import { Moment } from "../../parts/moment";
import { Line, Text, visible } from "../../parts/text";
import { OBSTACLES } from "./obstacles";
import type { ViewStatus } from "./use-views";
import { ViewActions } from "./view-actions";
import { Progress } from "./view-table";

/** Why one view is behind, and what can be done about it. Its dead letters are below. */
export function ViewPanel({ view, state }: { view: ViewStatus; state: PageState }) {
  const active = view.generations.find((generation) => generation.state === "ACTIVE");
  const inProgress = view.generations.find((generation) => generation.state === "BUILDING" || generation.state === "HELD");
  const name = visible(view.name);
  const workers = active?.workers ?? [];
  const panel = useRef<HTMLElement>(null);
  // The link to it may be far below.
  useEffect(() => panel.current?.focus(), []);
  return (
    <section ref={panel} tabIndex={-1} className="why" aria-labelledby="view-title">
      <h2 id="view-title">{view.lag ? `Why is ${name} behind?` : `${name} is up to date`}</h2>
      <a className="close" href={linkTo("health", { ...state, view: undefined })}>
        Close<span className="hidden"> the view {name}</span>
      </a>
      {view.obstacle && <p>{OBSTACLES[view.obstacle].remedy}</p>}
      <dl className="facts">
        <dt>lag</dt>
        <dd>
          {view.lag.toLocaleString("en")} {view.lag === 1 ? "position" : "positions"}
        </dd>
        <dt>workers</dt>
        <dd>{workers.length ? <Line>{workers.join(", ")}</Line> : "none"}</dd>
        {view.failure && (
          <>
            <dt>error</dt>
            <dd>
              <strong>{view.failure.error}</strong>: <Text>{view.failure.detail}</Text>
              <p className="quiet">
                {view.failure.attempts.toLocaleString("en")} attempts since <Moment at={view.failure.firstAt} />
              </p>
            </dd>
          </>
        )}
        {active?.waitingFor && (
          <>
            <dt>waits for</dt>
            <dd>
              <Text>{active.waitingFor}</Text>
            </dd>
          </>
        )}
        {inProgress && (
          <>
            <dt>rebuild</dt>
            <dd>
              <Progress generation={inProgress} />
            </dd>
          </>
        )}
      </dl>
      <menu>
        <ViewActions view={view} />
      </menu>
    </section>
  );
}
