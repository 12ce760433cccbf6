import type { Operation } from "./http";
import type { Point } from "./rows";
import type { ViewQuery } from "./schema";

export type CausingEvent = {
  id: string;
  type: string;
  stream: string;
  version: number;
  time: string;
  command: string;
  commandId: string;
  correlationId: string;
  causationId: string | null;
  actor: string | null;
  authentication: string | null;
  source: string | null;
};

export type Why = { value: unknown; before: unknown; event: CausingEvent; causes: CausingEvent[] };

const EVENT = `{
  id type stream version time command commandId correlationId causationId actor authentication source
}`;

/** Returns the query for the reason of a field's value. The API has one for each view. */
export function whyOperation(
  view: ViewQuery,
  field: string,
): Operation<{ why: Why | null }, { id: string; asOf?: Point }> {
  const name = field.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
  return {
    text: `query Why($id: ID!, $asOf: AsOf) {
      why: ${view.singular}Why(id: $id, field: ${name}, asOf: $asOf) { value before event ${EVENT} causes ${EVENT} }
    }`,
  };
}
