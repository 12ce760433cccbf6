import { operation } from "./operations";
import type * as types from "./types";

export const Alerts = operation<types.AlertsQuery, types.AlertsQueryVariables>("alerts");
export const AlertTail = operation<types.AlertTailSubscription, types.AlertTailSubscriptionVariables>("alert-tail");
export const AcknowledgeAlert = operation<types.AcknowledgeAlertMutation, types.AcknowledgeAlertMutationVariables>(
  "acknowledge-alert",
);
export const ResolveAlert = operation<types.ResolveAlertMutation, types.ResolveAlertMutationVariables>("resolve-alert");

export const Webhooks = operation<types.WebhooksQuery, types.WebhooksQueryVariables>("webhooks");
export const WebhookTail = operation<types.WebhookTailSubscription, types.WebhookTailSubscriptionVariables>(
  "webhook-tail",
);
export const WebhookDeliveries = operation<types.WebhookDeliveriesQuery, types.WebhookDeliveriesQueryVariables>(
  "webhook-deliveries",
);
export const WebhookDeadLetters = operation<types.WebhookDeadLettersQuery, types.WebhookDeadLettersQueryVariables>(
  "webhook-dead-letters",
);
export const CreateWebhook = operation<types.CreateWebhookMutation, types.CreateWebhookMutationVariables>(
  "create-webhook",
);
export const RotateWebhookSecret = operation<
  types.RotateWebhookSecretMutation,
  types.RotateWebhookSecretMutationVariables
>("rotate-webhook-secret");
export const PauseWebhook = operation<types.PauseWebhookMutation, types.PauseWebhookMutationVariables>("pause-webhook");
export const ResumeWebhook = operation<types.ResumeWebhookMutation, types.ResumeWebhookMutationVariables>(
  "resume-webhook",
);
export const ReplayWebhook = operation<types.ReplayWebhookMutation, types.ReplayWebhookMutationVariables>(
  "replay-webhook",
);
export const DeleteWebhook = operation<types.DeleteWebhookMutation, types.DeleteWebhookMutationVariables>(
  "delete-webhook",
);
export const RetryWebhook = operation<types.RetryWebhookMutation, types.RetryWebhookMutationVariables>("retry-webhook");
export const DropWebhookDelivery = operation<
  types.DropWebhookDeliveryMutation,
  types.DropWebhookDeliveryMutationVariables
>("drop-webhook-delivery");

export const ApiKeys = operation<types.ApiKeysQuery, types.ApiKeysQueryVariables>("api-keys");
export const ApiKeyTail = operation<types.ApiKeyTailSubscription, types.ApiKeyTailSubscriptionVariables>("api-key-tail");
export const ApiKeyUses = operation<types.ApiKeyUsesQuery, types.ApiKeyUsesQueryVariables>("api-key-uses");
export const IssueApiKey = operation<types.IssueApiKeyMutation, types.IssueApiKeyMutationVariables>("issue-api-key");
export const RotateApiKey = operation<types.RotateApiKeyMutation, types.RotateApiKeyMutationVariables>(
  "rotate-api-key",
);
export const RevokeApiKey = operation<types.RevokeApiKeyMutation, types.RevokeApiKeyMutationVariables>(
  "revoke-api-key",
);

export const Tenants = operation<types.TenantsQuery, types.TenantsQueryVariables>("tenants");
export const TenantCounts = operation<types.TenantCountsQuery, types.TenantCountsQueryVariables>("tenant-counts");
export const Consumers = operation<types.ConsumersQuery, types.ConsumersQueryVariables>("consumers");
export const Connections = operation<types.ConnectionsQuery, types.ConnectionsQueryVariables>("connections");
export const EndConnection = operation<types.EndConnectionMutation, types.EndConnectionMutationVariables>(
  "end-connection",
);

export const ProcessSteps = operation<types.ProcessStepsQuery, types.ProcessStepsQueryVariables>("process-steps");
export const MatchingProcesses = operation<types.MatchingProcessesQuery, types.MatchingProcessesQueryVariables>(
  "matching-processes",
);
export const RetryProcesses = operation<types.RetryProcessesMutation, types.RetryProcessesMutationVariables>(
  "retry-processes",
);
export const ResumeProcesses = operation<types.ResumeProcessesMutation, types.ResumeProcessesMutationVariables>(
  "resume-processes",
);
export const CancelProcesses = operation<types.CancelProcessesMutation, types.CancelProcessesMutationVariables>(
  "cancel-processes",
);
