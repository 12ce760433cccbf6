import { Facts } from "../../parts/facts";
import { EntityLink, TraceLink } from "../../parts/links";
import { duration, Moment } from "../../parts/moment";
import { Text } from "../../parts/text";
import { Cost, count, Tokens } from "./figures";
import type { Run } from "./run";
import { RunStateBadge } from "./run-state-badge";

/** What a run was, and what it came to. */
export function RunFacts({ run }: { run: Run }) {
  const text = (value: string | null) => value && <Text>{value}</Text>;
  const entity = (id: string | null) => id && <EntityLink id={id} />;
  return (
    <section aria-label="Facts of the run" className="run-facts">
      <Facts
        facts={{
          state: (
            <>
              <RunStateBadge state={run.state} /> {text(run.errorType)}
            </>
          ),
          agent: (
            <>
              {text(run.agentName)} {entity(run.agentId)}
            </>
          ),
          task: entity(run.taskId),
          workflow: entity(run.workflowId),
          trace: <TraceLink id={run.correlationId} />,
          conversation: text(run.conversationId),
        }}
      />
      <Facts
        facts={{
          began: <Moment at={run.startedAt} />,
          ended: run.state === "RUNNING" ? "not yet" : <Moment at={run.endedAt} />,
          duration: `${duration(run.durationSeconds)}${run.state === "RUNNING" ? " so far" : ""}`,
          models: text(run.models.join(", ")),
          providers: text(run.providers.join(", ")),
          services: text(run.services.join(", ")),
        }}
      />
      <Facts
        facts={{
          cost: <Cost value={run.cost} />,
          tokens: <Tokens input={run.inputTokens} output={run.outputTokens} />,
          "model calls": count(run.modelCalls),
          "tool calls": count(run.toolCalls),
          "agent calls": count(run.agentCalls),
          errors: <span className={run.errors ? "behind" : undefined}>{count(run.errors)}</span>,
        }}
      />
    </section>
  );
}
