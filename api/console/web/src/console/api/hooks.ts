import { useCallback, useContext, useEffect, useRef, useState, useSyncExternalStore } from "react";

import { Session } from "../session";
import type { Operation, Result } from "./http";
import type { Connection, Sink } from "./live";
import type { Problem } from "./problems";

/** The result of an operation, kept while it runs again with other variables. */
export type Answer<Data> = {
  data: Data | undefined;
  problems: Problem[];
  isLoading: boolean;
  reload(): void;
};

/** Milliseconds between two readings while changes arrive. */
const READ_INTERVAL = 1_000;

const NOTHING: Result<never> = { data: undefined, problems: [] };

/**
 * Runs a query, again when its variables change and when the connection was lost meanwhile. With `null` as the
 * variables it does not run.
 */
export function useOperation<Data, Variables>(
  operation: Operation<Data, Variables>,
  variables: Variables | null,
): Answer<Data> {
  const { http } = useContext(Session);
  const epoch = useEpoch();
  const [reloads, setReloads] = useState(0);
  const [answer, setAnswer] = useState<Result<Data> & { key: string }>({ ...NOTHING, key: "" });
  const key = variables === null ? "" : operation.text + JSON.stringify(variables);

  useEffect(() => {
    if (!key) return;
    const controller = new AbortController();
    http.run(operation, variables as Variables, controller.signal).then(
      (result) => setAnswer({ ...result, key }),
      () => {},
    );
    return () => controller.abort();
    // `key` stands for the operation and its variables.
  }, [http, key, epoch, reloads]);

  const reload = useCallback(() => setReloads((count) => count + 1), []);
  const kept = key ? answer : NOTHING;
  return { data: kept.data, problems: kept.problems, isLoading: key !== "" && answer.key !== key, reload };
}

/** Follows a subscription while the component is shown. With `null` as the variables it does not. */
export function useSubscription<Data extends object, Variables extends object>(
  operation: Operation<Data, Variables>,
  variables: Variables | null,
  next: (data: Data) => void,
): Problem[] {
  const { live } = useContext(Session);
  const [problems, setProblems] = useState<Problem[]>([]);
  const latest = useRef(next);
  latest.current = next;
  const key = variables === null ? "" : operation.text + JSON.stringify(variables);

  useEffect(() => {
    setProblems([]);
    if (!key) return;
    const sink: Sink<Data> = { next: (data) => latest.current(data), failed: setProblems };
    return live.follow(operation, variables as Variables, sink);
  }, [live, key]);

  return problems;
}

/** Returns a function that calls `run` a second later, once for all calls until then. */
export function useThrottled(run: () => void): () => void {
  const timer = useRef(0);
  const latest = useRef(run);
  latest.current = run;
  useEffect(() => () => clearTimeout(timer.current), []);
  return useCallback(() => {
    timer.current ||= setTimeout(() => {
      timer.current = 0;
      latest.current();
    }, READ_INTERVAL);
  }, []);
}

/** Returns how often the connection was lost and made again. */
export function useEpoch(): number {
  const { live } = useContext(Session);
  return useSyncExternalStore(live.onChange, () => live.epoch);
}

export function useConnection(): Connection {
  const { live } = useContext(Session);
  return useSyncExternalStore(live.onChange, () => live.connection);
}
