import { useEffect, useRef } from "react";

import { linkTo, type PageState } from "../../address";
import { counted } from "../../parts/counted";
import { Moment } from "../../parts/moment";
import { Line, Text, visible } from "../../parts/text";
import { OBSTACLES } from "./obstacles";
import { obstacleOf, type ViewStatus } from "./use-views";
import { ViewActions } from "./view-actions";
import { Comparison, Progress } from "./view-table";

type Props = {
  view: ViewStatus;
  /** How many events it could not apply. */
  letters: number;
  state: PageState;
};

/** Why one view is behind, and what can be done about it. Its dead letters are below. */
export function ViewPanel({ view, letters, state }: Props) {
  const active = view.generations.find((generation) => generation.state === "ACTIVE");
  const inProgress = view.generations.find((generation) => generation.state === "BUILDING" || generation.state === "HELD");
  const name = visible(view.name);
  const obstacle = obstacleOf(view);
  const workers = active?.workers ?? [];
  const panel = useRef<HTMLElement>(null);
  // The link to it may be far below.
  useEffect(() => panel.current?.focus(), []);
  return (
    <section ref={panel} tabIndex={-1} className="why" aria-labelledby="view-title">
      <h2 id="view-title">{titleOf(view, letters)}</h2>
      <a className="close" href={linkTo("health", { ...state, view: undefined })}>
        Close<span className="hidden"> the view {name}</span>
      </a>
      {obstacle && <p>{OBSTACLES[obstacle].remedy}</p>}
      {letters > 0 && (
        <p>
          {counted(letters, "event")} could not be applied. The rows of such events stand still, and later events
          wait behind them; all other rows go on. The error is below. Correct its cause, then retry the event; or drop it,
          and the row goes on without it.
        </p>
      )}
      <dl className="facts">
        <dt>lag</dt>
        <dd>
          {counted(view.lag, "position")}
        </dd>
        <dt>workers</dt>
        <dd>{workers.length ? <Line>{workers.join(", ")}</Line> : "none"}</dd>
        {view.failure && (
          <>
            <dt>error</dt>
            <dd>
              <strong>{view.failure.error}</strong>: <Text>{view.failure.detail}</Text>
              <p className="quiet">
                {counted(view.failure.attempts, "attempt")} since <Moment at={view.failure.firstAt} />
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
        {!inProgress && active?.comparison && (
          <>
            <dt>last rebuild</dt>
            <dd>
              <Comparison comparison={active.comparison} />
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

function titleOf({ name, lag }: ViewStatus, letters: number): string {
  if (lag) return `Why is ${visible(name)} behind?`;
  return letters ? `Some rows of ${visible(name)} stand still` : `${visible(name)} is up to date`;
}
