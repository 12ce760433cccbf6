import { parseJson } from "./json";
import { type Problem, problemsOf, UNREACHABLE } from "./problems";

/** A GraphQL document with one operation, and the types of its result and variables. */
export type Operation<Data, Variables> = { readonly text: string; readonly types?: (variables: Variables) => Data };

/** The data of an operation, where it has some, and all that went wrong. */
export type Result<Data> = { data: Data | undefined; problems: Problem[] };

/** Runs queries and mutations over HTTP as one caller. */
export class HttpApi {
  constructor(
    readonly url: URL,
    readonly token: string,
  ) {}

  /** Returns the result; what went wrong is in it too. Rejects only if `signal` ends the operation. */
  async run<Data, Variables>(
    operation: Operation<Data, Variables>,
    variables: Variables,
    signal?: AbortSignal,
  ): Promise<Result<Data>> {
    const headers: Record<string, string> = { "content-type": "application/json", accept: "application/json" };
    if (this.token) headers.authorization = `Bearer ${this.token}`;
    const body = JSON.stringify({ query: operation.text, variables });
    try {
      const response = await fetch(this.url, { method: "POST", headers, body, signal: signal ?? null });
      return readResult(await response.text(), response.status);
    } catch (cause) {
      if (signal?.aborted) throw cause;
      return { data: undefined, problems: problemsOf(cause) };
    }
  }
}

function readResult<Data>(text: string, status: number): Result<Data> {
  try {
    const { data, errors } = parseJson(text) as { data?: Data | null; errors?: unknown };
    if (data || errors) return { data: data ?? undefined, problems: errors ? problemsOf(errors) : [] };
  } catch {
    // A proxy has answered instead of nerve.
  }
  const message = `the server answered with status ${status}, and not with a result of GraphQL`;
  return { data: undefined, problems: [{ code: UNREACHABLE, message }] };
}
