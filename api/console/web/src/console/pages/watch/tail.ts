import type { HttpApi } from "../../api/http";
import type { LiveApi } from "../../api/live";
import { EventTail, RecentEvents } from "../../api/operations";
import type { Problem } from "../../api/problems";
import type { EventTailSubscription, RecentEventsQuery } from "../../api/types";
import { type EventConditions, toFilter } from "./conditions";

export type TailEvent = NonNullable<RecentEventsQuery["events"]>["nodes"][number];

export type TailState = {
  events: readonly TailEvent[];
  /** How many events the tail has received, also those that it keeps no longer. */
  received: number;
  isRunning: boolean;
  /** Whether everything up to now has been received. */
  isCaughtUp: boolean;
  problems: Problem[];
};

/** The newest events that are kept: the page stays small however long it is open. */
export const KEPT = 5_000;
/** How many earlier events are shown at first. */
const EARLIER = 100;
/** Milliseconds between two changes of the list: a page that changed with each event would answer no click in between. */
const CHANGE_INTERVAL = 100;

/**
 * Follows the log from a position, or from now on with some earlier events before it. Paused and resumed, and after a
 * lost connection, it goes on after the last event that it has received.
 */
export class EventTailReader {
  private readonly listeners = new Set<() => void>();
  private readonly controller = new AbortController();
  private current: TailState = { events: [], received: 0, isRunning: false, isCaughtUp: false, problems: [] };
  private arrived: TailEvent[] = [];
  private isPrimed: boolean;
  private isPriming = false;
  private after: string | undefined;
  private timer = 0;
  private flushedAt = 0;
  private stop = () => {};

  constructor(
    private readonly http: HttpApi,
    private readonly live: LiveApi,
    private readonly conditions: EventConditions,
  ) {
    this.after = conditions.after;
    this.isPrimed = conditions.after !== undefined;
  }

  get state(): TailState {
    return this.current;
  }

  readonly onChange = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  resume(): void {
    if (this.current.isRunning) return;
    this.change({ isRunning: true, isCaughtUp: false, problems: [] });
    const end = this.live.follow(
      EventTail,
      { filter: toFilter(this.conditions), after: this.after },
      { next: ({ events }) => this.receive(events), failed: (problems) => this.fail(problems) },
    );
    // After a lost connection there are events to catch up with.
    const ignore = this.live.onChange(() => {
      if (this.live.connection.state !== "live") this.change({ isCaughtUp: false });
    });
    this.stop = () => {
      end();
      ignore();
    };
  }

  pause(): void {
    this.stop();
    this.flush();
    this.change({ isRunning: false });
  }

  dispose(): void {
    this.stop();
    this.controller.abort();
    clearTimeout(this.timer);
    this.listeners.clear();
  }

  /** Ends the tail, which can be resumed; what it has received stays. */
  private fail(problems: Problem[]): void {
    this.pause();
    this.change({ problems });
  }

  private receive(message: EventTailSubscription["events"]): void {
    this.after = message.position;
    if (message.__typename === "Event") {
      if (this.matches(message)) this.arrived.push(message);
    } else if (message.__typename === "CaughtUp") {
      this.change({ isCaughtUp: true });
      if (!this.isPrimed && !this.isPriming) this.prime().catch(() => {});
    } else if (message.__typename === "CursorExpired") {
      const text = "the log cannot be followed from this position; remove it from the filters to begin now";
      this.fail([{ code: "CURSOR_EXPIRED", message: text }]);
    }
    // The timers of a page that is not visible are slow.
    if (this.arrived.length >= KEPT) this.flush();
    else if (this.arrived.length) this.timer ||= setTimeout(() => this.flush(), this.untilNextChange());
  }

  /** Returns the milliseconds until the list may change again. */
  private untilNextChange(): number {
    return Math.max(0, this.flushedAt + CHANGE_INTERVAL - performance.now());
  }

  /** Puts earlier events before those that arrived since the subscription began, without a gap or a duplicate. */
  private async prime(): Promise<void> {
    this.isPriming = true;
    const variables = { filter: toFilter(this.conditions), last: EARLIER };
    const { data, problems } = await this.http.run(RecentEvents, variables, this.controller.signal);
    const earlier = data?.events?.nodes ?? [];
    const ids = new Set(earlier.map(({ id }) => id));
    this.arrived = [
      ...earlier.filter((event) => this.matches(event)),
      ...this.arrived.filter(({ id }) => !ids.has(id)),
    ];
    this.isPrimed = true;
    if (problems.length) this.change({ problems });
    this.flush();
  }

  /** Whether an event is of the actor; the API has no filter for that. */
  private matches({ actor }: TailEvent): boolean {
    return this.conditions.actor === undefined || actor === this.conditions.actor;
  }

  private flush(): void {
    clearTimeout(this.timer);
    this.timer = 0;
    if (!this.isPrimed || !this.arrived.length) return;
    this.flushedAt = performance.now();
    const events = [...this.current.events, ...this.arrived].slice(-KEPT);
    const received = this.current.received + this.arrived.length;
    this.arrived = [];
    this.change({ events, received });
  }

  private change(changes: Partial<TailState>): void {
    this.current = { ...this.current, ...changes };
    this.listeners.forEach((listener) => listener());
  }
}
