/** What went wrong with an operation, or with one field of it. */
export type Problem = { code: string; message: string };

/** The server could not be reached, or its answer was none of nerve's. */
export const UNREACHABLE = "UNREACHABLE";

const PASSING = ["UNAVAILABLE", "OVERLOADED", "RATE_LIMITED", "INTERNAL"];

type GraphQLError = { message: string; extensions?: { code?: unknown } };

/** Returns the problems in whatever an operation has failed with. */
export function problemsOf(cause: unknown): Problem[] {
  if (Array.isArray(cause)) return cause.map(fromError);
  if (cause instanceof CloseEvent) return [fromClose(cause)];
  return [{ code: UNREACHABLE, message: cause instanceof Error ? cause.message : String(cause) }];
}

/** Whether the caller may not see this, or it does not exist for the caller. */
export function isRefusal({ code, message }: Problem): boolean {
  return code === "FORBIDDEN" || message.startsWith("Cannot query field") || message.startsWith("Unknown type");
}

/** Whether the same operation can succeed later, without another caller or other code. */
export function isPassing({ code }: Problem): boolean {
  return PASSING.includes(code);
}

function fromError({ message, extensions }: GraphQLError): Problem {
  const code = extensions?.code;
  return { code: typeof code === "string" ? code : "UNKNOWN", message };
}

function fromClose({ code, reason }: CloseEvent): Problem {
  const names: Record<number, string> = { 4401: "UNAUTHENTICATED", 4403: "FORBIDDEN" };
  return { code: names[code] ?? "DISCONNECTED", message: reason || `the connection was closed with code ${code}` };
}
