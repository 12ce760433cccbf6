import { documentOf } from "./documents";
import type { Operation } from "./http";
import type * as types from "./types";

/** Returns the operation in the file with this name; its types are generated from it. */
export function operation<Data, Variables>(name: string): Operation<Data, Variables> {
  return { text: documentOf(name) };
}

export const Viewer = operation<types.ViewerQuery, types.ViewerQueryVariables>("viewer");

export const RecentEvents = operation<types.RecentEventsQuery, types.RecentEventsQueryVariables>("recent-events");
export const EventTail = operation<types.EventTailSubscription, types.EventTailSubscriptionVariables>("event-tail");
export const EventDetail = operation<types.EventDetailQuery, types.EventDetailQueryVariables>("event-detail");

export const LatestEvent = operation<types.LatestEventQuery, types.LatestEventQueryVariables>("latest-event");
export const Versions = operation<types.VersionsQuery, types.VersionsQueryVariables>("versions");
export const VersionEvents = operation<types.VersionEventsQuery, types.VersionEventsQueryVariables>("version-events");
export const AggregateState = operation<types.AggregateStateQuery, types.AggregateStateQueryVariables>(
  "aggregate-state",
);

export const Erasure = operation<types.ErasureQuery, types.ErasureQueryVariables>("erasure");

export const Trace = operation<types.TraceQuery, types.TraceQueryVariables>("trace");
export const TraceTail = operation<types.TraceTailSubscription, types.TraceTailSubscriptionVariables>("trace-tail");

export const FindNode = operation<types.FindNodeQuery, types.FindNodeQueryVariables>("find-node");
export const FindTrace = operation<types.FindTraceQuery, types.FindTraceQueryVariables>("find-trace");
export const FindPosition = operation<types.FindPositionQuery, types.FindPositionQueryVariables>("find-position");
export const FindCommand = operation<types.FindCommandSubscription, types.FindCommandSubscriptionVariables>(
  "find-command",
);

export const ViewStatuses = operation<types.ViewStatusesQuery, types.ViewStatusesQueryVariables>("view-statuses");
export const ViewStatusTail = operation<types.ViewStatusTailSubscription, types.ViewStatusTailSubscriptionVariables>(
  "view-status-tail",
);
export const RebuildView = operation<types.RebuildViewMutation, types.RebuildViewMutationVariables>("rebuild-view");
export const CancelRebuild = operation<types.CancelRebuildMutation, types.CancelRebuildMutationVariables>(
  "cancel-rebuild",
);
export const ResumeRebuild = operation<types.ResumeRebuildMutation, types.ResumeRebuildMutationVariables>(
  "resume-rebuild",
);
export const SwitchView = operation<types.SwitchViewMutation, types.SwitchViewMutationVariables>("switch-view");
export const ForgetGenerations = operation<types.ForgetGenerationsMutation, types.ForgetGenerationsMutationVariables>(
  "forget-generations",
);

export const DeadLetters = operation<types.DeadLettersQuery, types.DeadLettersQueryVariables>("dead-letters");
export const RetryDeadLetter = operation<types.RetryDeadLetterMutation, types.RetryDeadLetterMutationVariables>(
  "retry-dead-letter",
);
export const DropDeadLetter = operation<types.DropDeadLetterMutation, types.DropDeadLetterMutationVariables>(
  "drop-dead-letter",
);

export const RecentMetrics = operation<types.RecentMetricsQuery, types.RecentMetricsQueryVariables>("recent-metrics");
export const DeploymentStatus = operation<types.DeploymentStatusQuery, types.DeploymentStatusQueryVariables>(
  "deployment-status",
);
export const Contexts = operation<types.ContextsQuery, types.ContextsQueryVariables>("contexts");
export const Activity = operation<types.ActivityQuery, types.ActivityQueryVariables>("activity");

export const Processes = operation<types.ProcessesQuery, types.ProcessesQueryVariables>("processes");
export const ProcessTail = operation<types.ProcessTailSubscription, types.ProcessTailSubscriptionVariables>(
  "process-tail",
);
export const RetryProcess = operation<types.RetryProcessMutation, types.RetryProcessMutationVariables>("retry-process");
export const ResumeProcess = operation<types.ResumeProcessMutation, types.ResumeProcessMutationVariables>(
  "resume-process",
);
export const CancelProcess = operation<types.CancelProcessMutation, types.CancelProcessMutationVariables>(
  "cancel-process",
);

export const Runs = operation<types.RunsQuery, types.RunsQueryVariables>("runs");
export const RunTail = operation<types.RunTailSubscription, types.RunTailSubscriptionVariables>("run-tail");
export const CostCurrency = operation<types.CostCurrencyQuery, types.CostCurrencyQueryVariables>("cost-currency");
export const RunDays = operation<types.RunDaysQuery, types.RunDaysQueryVariables>("run-days");
export const AgentRun = operation<types.AgentRunQuery, types.AgentRunQueryVariables>("agent-run");
export const RunSpans = operation<types.RunSpansQuery, types.RunSpansQueryVariables>("run-spans");
export const SpanTail = operation<types.SpanTailSubscription, types.SpanTailSubscriptionVariables>("span-tail");
export const SpanContents = operation<types.SpanContentsQuery, types.SpanContentsQueryVariables>("span-contents");

export const StreamEvents = operation<types.StreamEventsQuery, types.StreamEventsQueryVariables>("stream-events");
