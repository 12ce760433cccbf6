import { linkTo } from "../../address";
import type { RunsQuery } from "../../api/types";

/** A run of an agent, with what its spans come to. */
export type Run = NonNullable<RunsQuery["runs"]>["nodes"][number];

/** Returns the link to a run, or with `other` to its comparison with that run. */
export function runLink(id: string, other?: string): string {
  return linkTo("runs", { id, with: other });
}

/** Returns the name by which a run is listed. */
export function runName({ id, name }: Pick<Run, "id" | "name">): string {
  return name ?? id;
}
