import { SecretDialog } from "../secret-dialog";

/** Shows the new secret of a webhook once. */
export function WebhookSecret({ secret, close }: { secret: string; close(): void }) {
  return (
    <SecretDialog
      title="The secret of the webhook"
      effect="Give it to the receiver, which verifies requests with it. nerve shows it this one time."
      secret={secret}
      close={close}
    />
  );
}
