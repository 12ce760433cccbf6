import { linkTo, type PageState } from "../../address";
import { useOperation } from "../../api/hooks";
import { RecentMetrics } from "../../api/operations";
import { usePolling } from "../../api/polling";
import type { RecentMetricsQuery } from "../../api/types";
import { LinePlot } from "../../parts/line-plot";
import { GraphiqlLink } from "../../parts/links";
import { Moment } from "../../parts/moment";
import { highest, type PlotLine } from "../../parts/plot-scale";
import { Problems } from "../../parts/problems";
import { Line, visible } from "../../parts/text";

export type Metrics = NonNullable<RecentMetricsQuery["recentMetrics"]>;

/** Milliseconds between two samples. */
const INTERVAL = 5_000;
/** Lines of the plot of lags: those of the consumers that were most behind. */
const LAG_LINES = 5;
const SPANS = [
  { span: 300, name: "5 min" },
  { span: 900, name: "15 min" },
  { span: 3_600, name: "1 h" },
];

type SeriesName = "accepted" | "refused" | "failed" | "events" | "commits" | "deliveries" | "subscriptions" | "sockets";

const PLOTS: { title: string; unit: string; series: SeriesName[] }[] = [
  { title: "Commands", unit: "a second", series: ["accepted", "refused", "failed"] },
  { title: "Log", unit: "a second", series: ["events", "commits"] },
  { title: "Deliveries", unit: "results a second", series: ["deliveries"] },
  { title: "Clients", unit: "open now", series: ["subscriptions", "sockets"] },
];

/** Returns the metrics over the span that the address has, again and again. */
export function useMetrics(state: PageState, isVisible: boolean) {
  const { span } = SPANS.find(({ span }) => String(span) === state.span) ?? SPANS[0]!;
  const answer = useOperation(RecentMetrics, isVisible ? { span } : null);
  usePolling(answer, INTERVAL);
  return { span, metrics: answer.data?.recentMetrics ?? undefined, problems: answer.problems };
}

type Props = ReturnType<typeof useMetrics> & { state: PageState };

/** The metrics as plots over the last minutes. */
export function MetricPlots({ span, metrics, problems, state }: Props) {
  return (
    <section aria-labelledby="plots-title">
      <h2 id="plots-title">The last minutes</h2>
      <div className="plot-bar">
        <nav className="tabs" aria-label="Span">
          {SPANS.map((each) => (
            <a
              key={each.span}
              href={linkTo("health", { ...state, span: each.span })}
              aria-current={each.span === span ? "true" : undefined}
            >
              {each.name}
            </a>
          ))}
        </nav>
        <GraphiqlLink operation={RecentMetrics} variables={{ span }} />
      </div>
      <Problems problems={problems} about="the metrics" />
      {metrics && <Plots metrics={metrics} state={state} />}
    </section>
  );
}

function Plots({ metrics, state }: { metrics: Metrics; state: PageState }) {
  const { times, step } = metrics;
  const lags = lagLines(metrics, state);
  return (
    <>
      <Limits metrics={metrics} />
      <div className="plots">
        {PLOTS.map(({ title, unit, series }) => (
          <LinePlot
            key={title}
            title={title}
            unit={unit}
            times={times}
            lines={series.map((name) => ({ name, values: metrics[name] }))}
          />
        ))}
        {lags.length > 0 && (
          <LinePlot title="Lag" unit={`positions, the highest of each ${step} s`} times={times} lines={lags} />
        )}
      </div>
      {lags.length === 0 && (
        <p className="quiet">
          {metrics.lags.length
            ? "No consumer was behind the log in this span."
            : "Lags are unknown until a worker announces them; the views below have their present lag."}
        </p>
      )}
    </>
  );
}

/** Returns the lines of the chosen view and of the consumers that were most behind. Each leads to why. */
function lagLines({ lags }: Metrics, state: PageState): PlotLine[] {
  const isChosen = ({ kind, name }: Metrics["lags"][number]) => kind === "VIEW" && name === state.view;
  const behind = lags
    .filter((lag) => !isChosen(lag) && highest(lag.values) > 0)
    .sort((one, other) => highest(other.values) - highest(one.values));
  return [...lags.filter(isChosen), ...behind]
    .slice(0, LAG_LINES)
    .map(({ kind, name, values }) => ({
      name: visible(kind === "VIEW" ? name : `${kind.toLowerCase()} ${name}`),
      values,
      link: kind === "VIEW" ? linkTo("health", { ...state, view: name }) : linkTo("operate", { section: "consumers" }),
    }));
}

/** Says what the plots do not have: the time before the server began, and what is unknown without Redis. */
function Limits({ metrics: { server, since, connected, times, head } }: { metrics: Metrics }) {
  const begins = times[0];
  return (
    <p className="quiet">
      Sums over the servers that report, as <Line>{server}</Line> has received them.{" "}
      {since && begins && since > begins && (
        <>
          It has samples since <Moment at={since} isClock />.{" "}
        </>
      )}
      {!connected && "No messages arrive over Redis at present, so the end of the log and new lags are unknown. "}
      {connected && head.at(-1) === null && "The end of the log is unknown until a command or a worker announces it."}
    </p>
  );
}
