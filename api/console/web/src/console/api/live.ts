import { type Client, createClient, type FormattedExecutionResult } from "graphql-ws";

import type { Operation } from "./http";
import { isPassing, type Problem, problemsOf } from "./problems";

/**
 * The state of the connection, and when it began, in milliseconds since 1970. A connection that is `lost` is made again;
 * one that is `refused` needs another caller, and one that has `ended` is given up.
 */
export type Connection = { state: "connecting" | "live" | "lost" | "refused" | "ended"; since: number };

/** What a subscription delivers to the page. */
export type Sink<Data> = { next(data: Data): void; failed(problems: Problem[]): void };

type Message = { __typename?: string; position?: string; resumeAfter?: string };

/** The codes with which nerve closes the socket of a caller that is not signed in, or no longer. */
const SIGNED_OUT = [4401, 4403];

const PING_INTERVAL = 10_000;
const PONG_PATIENCE = 5_000;
const LONGEST_RETRY_WAIT = 5_000;

/**
 * One socket for all subscriptions of a page. It connects again whenever it is lost; each subscription resumes after
 * the last position that it received.
 */
export class LiveApi {
  private readonly client: Client;
  private readonly listeners = new Set<() => void>();
  private current: Connection = { state: "connecting", since: Date.now() };
  private reconnects = 0;
  private pongTimer = 0;

  constructor(url: URL, token: string) {
    const socket = new URL(url);
    socket.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    this.client = createClient({
      url: socket.href,
      connectionParams: token ? { authorization: `Bearer ${token}` } : {},
      lazy: false,
      keepAlive: PING_INTERVAL,
      retryAttempts: Infinity,
      retryWait,
      shouldRetry: () => true,
      onNonLazyError: (cause) => this.change(isSignedOut(cause) ? "refused" : "ended"),
      on: {
        connected: (_socket, _payload, isRetry) => this.onConnected(isRetry),
        closed: (cause) => this.change(isSignedOut(cause) ? "refused" : "lost"),
        ping: (isReceived) => !isReceived && this.awaitPong(),
        pong: (isReceived) => isReceived && clearTimeout(this.pongTimer),
      },
    });
  }

  get connection(): Connection {
    return this.current;
  }

  /** How often the connection was lost and made again. */
  get epoch(): number {
    return this.reconnects;
  }

  /** Calls `listener` when the connection changes; returns the function that ends this. */
  readonly onChange = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  /** Follows a subscription until the returned function is called. With `after` it resumes there. */
  follow<Data extends object, Variables extends object>(
    operation: Operation<Data, Variables>,
    variables: Variables,
    sink: Sink<Data>,
  ): () => void {
    // graphql-ws sends this object again after each reconnect, with the position that it then has.
    const resumable = { ...variables } as Record<string, unknown>;
    let isStopped = false;
    let stop = () => {};
    let failures = 0;
    let timer = 0;
    // A connection that is lost is made again by the client; this is for a subscription that the server has ended.
    const restartLater = () => {
      if (isStopped) return;
      timer = setTimeout(start, retryPause(failures));
      failures += 1;
    };
    const start = () => {
      let hasLagged = false;
      let hasFailed = false;
      stop = this.client.subscribe<Data>(
        { query: operation.text, variables: resumable },
        {
          next: ({ data, errors }: FormattedExecutionResult<Data, unknown>) => {
            if (errors) {
              const problems = problemsOf(errors);
              hasFailed = problems.some(isPassing);
              sink.failed(problems);
            } else if (failures) {
              failures = 0;
              sink.failed([]);
            }
            const [message] = Object.values(data ?? {}) as (Message | null)[];
            if (message?.position) resumable.after = message.resumeAfter ?? message.position;
            if (message?.__typename === "Lagged") hasLagged = true;
            else if (data) sink.next(data);
          },
          error: (cause) => {
            if (cause instanceof CloseEvent) this.change(isSignedOut(cause) ? "refused" : "ended");
            const problems = problemsOf(cause);
            sink.failed(problems);
            if (problems.some(isPassing)) restartLater();
          },
          // A server ends the subscription of a client that reads too slowly; nothing is lost.
          complete: () => {
            if (hasFailed) restartLater();
            else if (hasLagged && !isStopped) start();
          },
        },
      );
    };
    start();
    return () => {
      isStopped = true;
      clearTimeout(timer);
      stop();
    };
  }

  dispose(): void {
    clearTimeout(this.pongTimer);
    this.listeners.clear();
    void this.client.dispose();
  }

  private onConnected(isRetry: boolean): void {
    if (isRetry) this.reconnects += 1;
    this.change("live");
  }

  /** A connection that no longer answers is given up, also if nothing has closed it. */
  private awaitPong(): void {
    clearTimeout(this.pongTimer);
    this.pongTimer = setTimeout(() => this.client.terminate(), PONG_PATIENCE);
  }

  private change(state: Connection["state"]): void {
    if (state !== "live") clearTimeout(this.pongTimer);
    if (this.current.state === state) return;
    this.current = { state, since: Date.now() };
    this.listeners.forEach((listener) => listener());
  }
}

function isSignedOut(cause: unknown): boolean {
  return cause instanceof CloseEvent && SIGNED_OUT.includes(cause.code);
}

/** Whether nothing on the page is live. */
export function isDisconnected({ state }: Connection): boolean {
  return state !== "live" && state !== "connecting";
}

/** Waits longer after each attempt, by a random time, so that the pages of a restarted server come back one by one. */
async function retryWait(attempt: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, retryPause(attempt)));
}

function retryPause(attempt: number): number {
  return Math.min(LONGEST_RETRY_WAIT, 250 * 2 ** attempt) * (0.5 + Math.random() / 2);
}
