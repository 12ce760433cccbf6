import { useContext, useState } from "react";

import { RotateApiKey } from "../../../api/operate";
import type { Problem } from "../../../api/problems";
import { Confirm } from "../../../parts/confirm";
import { visible } from "../../../parts/text";
import { Session } from "../../../session";
import { SecretDialog } from "../secret-dialog";
import { type ApiKey, HASHED } from "./key-actions";

/** How long the old secret may still work, as ISO 8601 has it. */
const GRACES = [
  { duration: "P1D", label: "for a day" },
  { duration: "PT1H", label: "for an hour" },
  { duration: "P7D", label: "for a week" },
  { duration: "PT0S", label: "no longer" },
];

/** Gives a key a new secret, and shows it once. */
export function RotateKey({ apiKey: { id, name }, reload }: { apiKey: ApiKey; reload(): void }) {
  const { http } = useContext(Session);
  const [isAsked, setIsAsked] = useState(false);
  const [secret, setSecret] = useState<string>();

  async function rotate(form: FormData): Promise<Problem[]> {
    const { data, problems } = await http.run(RotateApiKey, { input: { id, grace: String(form.get("grace")) } });
    setSecret(data?.rotateApiKey?.key ?? undefined);
    if (!problems.length) reload();
    return problems;
  }

  return (
    <>
      <button type="button" onClick={() => setIsAsked(true)}>
        Rotate<span className="hidden"> {visible(name)}</span>
      </button>
      {isAsked && (
        <Confirm
          title={`Rotate: ${name}`}
          effect="The key gets a new secret, which is shown once. Requests with the old one are refused after the time that you choose, and its connections closed."
          action="Rotate"
          asksReason={false}
          run={(_reason, form) => rotate(form)}
          close={() => setIsAsked(false)}
        >
          <label>
            The old secret works
            <select name="grace">
              {GRACES.map(({ duration, label }) => (
                <option key={duration} value={duration}>
                  {label}
                </option>
              ))}
            </select>
          </label>
        </Confirm>
      )}
      {secret && !isAsked && (
        <SecretDialog
          title={`The new secret of ${visible(name)}`}
          effect={HASHED}
          secret={secret}
          close={() => setSecret(undefined)}
        />
      )}
    </>
  );
}
