import { linkTo, type PageState } from "../../address";
import { useOperation } from "../../api/hooks";
import { RunDays } from "../../api/operations";
import { GraphiqlLink } from "../../parts/links";
import { Problems } from "../../parts/problems";
import { Text } from "../../parts/text";
import { Cost, count } from "./figures";

/** What agents used on each day in UTC, by agent and model. */
export function RunDayTable({ state }: { state: PageState }) {
  const filter = {
    agentName: state.agent ? { eq: state.agent } : undefined,
    model: state.model ? { eq: state.model } : undefined,
  };
  const { data, problems, isLoading } = useOperation(RunDays, { filter, after: state.after });
  const days = data?.runDays?.nodes;
  const page = data?.runDays?.pageInfo;
  const chosen = [state.agent, state.model].filter(Boolean).join(", ");
  return (
    <>
      <p>
        {chosen && (
          <>
            Only <Text>{chosen}</Text>. <a href={linkTo("runs", { show: "days" })}>Show all</a> ·{" "}
          </>
        )}
        <GraphiqlLink operation={RunDays} variables={{ filter }} />
      </p>
      <Problems problems={problems} about="the totals of the runs" />
      {isLoading && !days && <p className="loading">Reading the totals…</p>}
      {days?.length === 0 && <p className="empty">Nothing was used.</p>}
      {days && days.length > 0 && (
        <div className="scroll">
          <table className="runs">
            <thead>
              <tr>
                <th>day (UTC)</th>
                <th>agent</th>
                <th>model</th>
                <th className="number">agent calls</th>
                <th className="number">model calls</th>
                <th className="number">tool calls</th>
                <th className="number">errors</th>
                <th className="number">tokens in</th>
                <th className="number">tokens out</th>
                <th className="number">cost</th>
              </tr>
            </thead>
            <tbody>
              {days.map((day) => (
                <tr key={day.id}>
                  <th scope="row">{day.day}</th>
                  <td>{day.agentName && <OnlyLink state={state} name="agent" value={day.agentName} />}</td>
                  <td>{day.model && <OnlyLink state={state} name="model" value={day.model} />}</td>
                  <td className="number">{count(day.agentCalls)}</td>
                  <td className="number">{count(day.modelCalls)}</td>
                  <td className="number">{count(day.toolCalls)}</td>
                  <td className={day.errors === "0" ? "number" : "number behind"}>{count(day.errors)}</td>
                  <td className="number">{count(day.inputTokens)}</td>
                  <td className="number">{count(day.outputTokens)}</td>
                  <td className="number">
                    <Cost value={day.cost} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {page?.hasNextPage && <a href={linkTo("runs", { ...state, after: page.endCursor })}>Next page</a>}
    </>
  );
}

/** A value that shows the totals of this value alone. */
function OnlyLink({ state, name, value }: { state: PageState; name: "agent" | "model"; value: string }) {
  return (
    <a href={linkTo("runs", { ...state, [name]: value, after: undefined })}>
      <Text>{value}</Text>
    </a>
  );
}
