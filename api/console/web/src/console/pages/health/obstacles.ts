import type { ViewObstacle } from "../../api/types";

/** What keeps a view from coming further: in a few words, and what to do about it. */
export const OBSTACLES: Record<ViewObstacle, { title: string; remedy: string }> = {
  NO_WORKER: {
    title: "no worker",
    remedy:
      "No worker has its lease, so nothing applies events to it. Start one with “nerve worker”, or look at the log " +
      "of the one that should run: the servers below are those that report.",
  },
  REBUILDING: {
    title: "waits for its rebuild",
    remedy:
      "The workers have other code than that which built its rows. The rows stand still until the rebuild has ended; " +
      "its progress is below.",
  },
  HELD: {
    title: "waits for a decision",
    remedy:
      "The rebuilt rows lack something that those that are read have, and wait for somebody to decide. The reason is " +
      "below. Switch to them in spite of it, or cancel the rebuild, correct the cause and rebuild again.",
  },
  BLOCKED: {
    title: "blocked by a call",
    remedy:
      "A call of its code does not return, and its worker does nothing else meanwhile. Correct the code, and restart " +
      "the workers.",
  },
  FAILING: {
    title: "fails",
    remedy: "Its worker fails again and again. It tries again by itself; correct the cause of the error below.",
  },
  BEHIND: {
    title: "behind the log",
    remedy:
      "Its worker applies events and has not come so far yet. If the lag grows, events arrive faster than it can apply " +
      "them: start more workers.",
  },
};
