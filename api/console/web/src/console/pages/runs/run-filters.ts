import type { PageState } from "../../address";
import type { AgentRunFilter, AgentRunOrder, AgentRunOrderField, RunState } from "../../api/types";

export const STATES: readonly RunState[] = ["RUNNING", "COMPLETED", "FAILED"];

/** The fields of the filter form that are texts, as they are named in the address. */
export const TEXTS = [
  { name: "agent", label: "Agent", example: "support" },
  { name: "model", label: "Model", example: "gpt-4.1" },
  { name: "task", label: "Task", example: "task-01J…" },
  { name: "workflow", label: "Workflow", example: "workflow-01J…" },
  { name: "correlation", label: "Correlation", example: "01J…" },
] as const;

/** The orders of the list. Without one, the runs that began last come first. */
export const ORDERS = [
  { name: "", label: "newest first", field: "STARTED_AT" },
  { name: "duration", label: "longest first", field: "DURATION_SECONDS" },
  { name: "cost", label: "highest cost first", field: "COST" },
] as const satisfies readonly { name: string; label: string; field: AgentRunOrderField }[];

/** Returns the filter of the API for what the address says; undefined if it says nothing. */
export function toRunFilter(state: PageState): AgentRunFilter | undefined {
  const chosen = STATES.find((name) => name === state.state);
  const since = state.since ? new Date(`${state.since}T00:00`) : undefined;
  const filter: AgentRunFilter = {
    state: chosen && { eq: chosen },
    agentName: equal(state.agent),
    models: state.model ? { contains: state.model } : undefined,
    taskId: equal(state.task),
    workflowId: equal(state.workflow),
    correlationId: equal(state.correlation),
    startedAt: since && !Number.isNaN(since.valueOf()) ? { gte: since.toISOString() } : undefined,
  };
  return Object.values(filter).some(Boolean) ? filter : undefined;
}

export function toRunOrder(state: PageState): AgentRunOrder[] {
  const { field } = ORDERS.find(({ name }) => name === state.order) ?? ORDERS[0];
  return [{ field, direction: "DESC" }];
}

function equal(value: string | undefined): { eq: string } | undefined {
  return value ? { eq: value } : undefined;
}
