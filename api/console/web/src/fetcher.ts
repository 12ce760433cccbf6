import { createGraphiQLFetcher, type Fetcher, type FetcherParams, type Observable } from "@graphiql/toolkit";
import { getOperationAST, parse, type ExecutionResult, type OperationDefinitionNode } from "graphql";
import { createClient, type FormattedExecutionResult } from "graphql-ws";

type Headers = Record<string, unknown>;
type Message = FormattedExecutionResult<Record<string, unknown>, object>;
type Observer = { next(value: unknown): void; error(cause: unknown): void; complete(): void };

/** How many of a subscription's earlier messages stay on the page. */
const KEPT = 50;

/**
 * Runs queries and mutations over HTTP at `url`, subscriptions over graphql-transport-ws at the same place.
 * The headers of a tab come before the `token` of the caller that the developer acts as.
 */
export function createFetcher(url: URL, token?: string): Fetcher {
  const socket = new URL(url);
  socket.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  const authorization: Headers = token ? { authorization: `Bearer ${token}` } : {};
  const fetch = createGraphiQLFetcher({ url: url.href, enableIncrementalDelivery: false });
  return (params, options) => {
    const operation = chosen(params);
    const named = { ...params, operationName: operation?.name?.value };
    const live = operation?.operation === "subscription";
    const headers = withOwn(authorization, options?.headers ?? {});
    return live ? subscription(socket.href, named, headers) : fetch(named, { ...options, headers });
  };
}

/** The headers of both; those of `own` count where both have one, in whatever case. */
function withOwn(headers: Headers, own: Headers): Headers {
  const names = new Set(Object.keys(own).map((name) => name.toLowerCase()));
  return { ...Object.fromEntries(Object.entries(headers).filter(([name]) => !names.has(name))), ...own };
}

/** The operation to run. The name that GraphiQL gives lags behind its editor, so it counts only where it fits. */
function chosen({ query, operationName }: FetcherParams): OperationDefinitionNode | undefined | null {
  const document = parse(query);
  return getOperationAST(document, operationName) ?? getOperationAST(document);
}

/**
 * One subscription on a socket of its own: the headers of its tab travel in `connection_init`, which a socket
 * sends once. A socket that breaks is shown and not opened again, since a new run would hide what was missed.
 */
function subscription(url: string, params: FetcherParams, headers: Headers): Observable<ExecutionResult> {
  return {
    subscribe({ next, error, complete }: Observer) {
      const client = createClient({ url, connectionParams: { headers }, retryAttempts: 0 });
      const history = new History();
      const unsubscribe = client.subscribe<Record<string, unknown>, object>(params, {
        next: (message) => next(history.add(message)),
        error: (cause) => error(cause instanceof CloseEvent ? closed(cause) : cause),
        complete,
      });
      return { unsubscribe };
    },
  } as Observable<ExecutionResult>;
}

/** Keeps what came before the newest message in view: GraphiQL shows one result at a time. */
class History {
  private earlier: unknown[] = [];

  add(message: Message): Message {
    const earlier = this.earlier;
    this.earlier = [message.data ?? message, ...earlier].slice(0, KEPT);
    return earlier.length ? { ...message, extensions: { ...message.extensions, earlier } } : message;
  }
}

function closed({ code, reason }: CloseEvent): { message: string } {
  return { message: `The socket was closed with code ${code} ${reason}`.trim() };
}
