import type { RunState } from "../../api/types";

export function RunStateBadge({ state }: { state: RunState }) {
  const name = state.toLowerCase();
  return <span className={`badge run-${name}`}>{name}</span>;
}
