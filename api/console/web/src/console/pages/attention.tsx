import { type ReactNode, useContext } from "react";

import { linkTo } from "../address";
import { useOperation } from "../api/hooks";
import { Alerts, MatchingProcesses } from "../api/operate";
import { usePolling } from "../api/polling";
import { counted } from "../parts/counted";
import { Line } from "../parts/text";
import { Session } from "../session";
import { OBSTACLES } from "./health/obstacles";
import { useLetterCounts } from "./health/use-letter-counts";
import { obstacleOf, useViews } from "./health/use-views";
import { linkToSection } from "./operate/section-link";

/** Milliseconds between two readings. */
const INTERVAL = 10_000;

/** What somebody should look at: views that stand still, dead letters, processes that are stuck, and open alerts. */
export function Attention() {
  const { views } = useViews();
  const letters = useLetterCounts();
  const stuck = useStuckCount();
  const alerts = useOpenAlerts();
  const troubled = views.flatMap((view) => {
    const obstacle = obstacleOf(view);
    return obstacle && obstacle !== "BEHIND" ? [{ name: view.name, obstacle }] : [];
  });
  const items: ReactNode[] = [
    ...troubled.map(({ name, obstacle }) => (
      <ViewItem key={name} name={name} text={`makes no progress: ${OBSTACLES[obstacle].title}`} />
    )),
    ...[...(letters?.byView ?? [])].map(([name, count]) => (
      <ViewItem key={`${name} letters`} name={name} text={`could not apply ${counted(count, "event")}`} />
    )),
    stuck > 0 && <a href={linkTo("processes", { status: "STUCK" })}>{counted(stuck, "process is", "processes are")} stuck</a>,
    alerts && <a href={linkToSection("alerts", { state: "OPEN" })}>{alerts} open</a>,
  ].filter(Boolean);
  if (!items.length) return null;
  return (
    <section className="attention" aria-labelledby="attention-title">
      <h2 id="attention-title">Needs attention</h2>
      <ul>
        {items.map((item, index) => (
          <li key={index}>{item}</li>
        ))}
      </ul>
    </section>
  );
}

function ViewItem({ name, text }: { name: string; text: string }) {
  return (
    <a href={linkTo("health", { view: name })}>
      The view <Line>{name}</Line> {text}
    </a>
  );
}

function useStuckCount(): number {
  const { schema } = useContext(Session);
  const filter = { status: { in: ["STUCK" as const] } };
  const answer = useOperation(MatchingProcesses, schema.hasQuery("processes") ? { filter } : null);
  usePolling(answer, INTERVAL);
  return answer.data?.processes?.totalCount ?? 0;
}

/** Returns how many alerts are open, in words; nothing if none is. */
function useOpenAlerts(): string {
  const { schema } = useContext(Session);
  const filter = { state: { in: ["OPEN" as const] } };
  const answer = useOperation(Alerts, schema.hasQuery("alerts") ? { filter } : null);
  usePolling(answer, INTERVAL);
  const alerts = answer.data?.alerts;
  if (!alerts?.nodes.length) return "";
  return alerts.pageInfo.hasNextPage
    ? `More than ${alerts.nodes.length} alerts are`
    : counted(alerts.nodes.length, "alert is", "alerts are");
}
