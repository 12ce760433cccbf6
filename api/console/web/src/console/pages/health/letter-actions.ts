import { useContext } from "react";

import { DropDeadLetter, RetryDeadLetter } from "../../api/operations";
import type { DeadLettersQuery } from "../../api/types";
import type { Action } from "../../parts/row-actions";
import { visible } from "../../parts/text";
import { Session } from "../../session";

export type DeadLetter = NonNullable<DeadLettersQuery["deadLetters"]>["nodes"][number];

export function letterName({ type, view, stream, version }: DeadLetter): string {
  return visible(`${type} in ${view}, ${stream} version ${version}`);
}

/** Returns what the caller can do about dead letters. */
export function useLetterActions(): Action<DeadLetter>[] {
  const { http, schema } = useContext(Session);
  const retry: Action<DeadLetter> = {
    name: "Retry",
    effect: "The view applies the event again, and those queued behind it. If it fails again it stays parked.",
    asksReason: false,
    isOffered: () => true,
    run: async (letter) => (await http.run(RetryDeadLetter, { input: inputOf(letter) })).problems,
  };
  const drop: Action<DeadLetter> = {
    name: "Drop",
    effect: "The row goes on without the event, and applies the events queued behind it. This is final.",
    asksReason: true,
    isOffered: () => true,
    run: async (letter, reason) => (await http.run(DropDeadLetter, { input: { ...inputOf(letter), reason } })).problems,
  };
  return [
    ...(schema.hasMutation("retryDeadLetter") ? [retry] : []),
    ...(schema.hasMutation("dropDeadLetter") ? [drop] : []),
  ];
}

function inputOf({ view, row, stream, version }: DeadLetter) {
  return { view, row, stream, version };
}
