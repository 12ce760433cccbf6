import { linkTo, type PageState } from "../../address";
import type { DeploymentStatusQuery } from "../../api/types";
import { Moment } from "../../parts/moment";
import { Line } from "../../parts/text";
import type { Metrics } from "./metric-plots";
import type { LetterCounts } from "./use-letter-counts";
import type { ViewStatus } from "./use-views";

export type Deployment = NonNullable<DeploymentStatusQuery["deploymentStatus"]>;

/** How many views that are behind are named. */
const LISTED = 5;

type Props = {
  deployment: Deployment | undefined;
  metrics: Metrics | undefined;
  views: ViewStatus[];
  letters: LetterCounts | undefined;
  state: PageState;
};

/** The deployment in a few facts. */
export function DeploymentFacts({ deployment, metrics, views, letters, state }: Props) {
  const behind = views.filter(({ lag }) => lag > 0).sort((one, other) => other.lag - one.lag);
  if (!deployment && !metrics && !views.length) return null;
  return (
    <dl className="facts">
      {deployment && (
        <>
          <dt>end of the log</dt>
          <dd>{position(deployment.head)}</dd>
          <dt>sealed</dt>
          <dd>{deployment.lastSeal ? <Mark mark={deployment.lastSeal} /> : "not yet"}</dd>
          <dt>archived</dt>
          <dd>{deployment.lastArchive ? <Mark mark={deployment.lastArchive} /> : "nothing"}</dd>
          <dt>workers</dt>
          <dd className={deployment.workers.length ? undefined : "behind"}>
            {deployment.workers.length || "none: views, processes and webhooks stand still"}
          </dd>
        </>
      )}
      {metrics && (
        <>
          <dt>API servers</dt>
          <dd>{metrics.runningServers.filter(({ role }) => role === "API").length}</dd>
        </>
      )}
      {views.length > 0 && (
        <>
          <dt>views behind</dt>
          <dd>
            {behind.length === 0 && "none"}
            {behind.slice(0, LISTED).map(({ name, lag }) => (
              <span key={name} className="behind">
                <a href={linkTo("health", { ...state, view: name })}>
                  <Line>{name}</Line>
                </a>{" "}
                by {lag.toLocaleString("en")}{" "}
              </span>
            ))}
            {behind.length > LISTED && `and ${behind.length - LISTED} more`}
          </dd>
        </>
      )}
      {letters && (
        <>
          <dt>dead letters</dt>
          <dd>
            <LetterFacts letters={letters} state={state} />
          </dd>
        </>
      )}
    </dl>
  );
}

function LetterFacts({ letters: { byView, isCut }, state }: { letters: LetterCounts; state: PageState }) {
  return (
    <>
      {byView.size === 0 && "none"}
      {[...byView].map(([name, count]) => (
        <span key={name} className="behind">
          {count.toLocaleString("en")} of{" "}
          <a href={linkTo("health", { ...state, view: name })}>
            <Line>{name}</Line>
          </a>{" "}
        </span>
      ))}
      {isCut && <span className="behind">and more</span>}
    </>
  );
}

function Mark({ mark: { position: number, at } }: { mark: NonNullable<Deployment["lastSeal"]> }) {
  return (
    <>
      up to {position(number)}
      {at && (
        <span className="quiet">
          {" "}
          · <Moment at={at} />
        </span>
      )}
    </>
  );
}

function position(text: string): string {
  return BigInt(text).toLocaleString("en");
}
