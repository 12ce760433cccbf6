/** A value that differs between two states, at a path such as `/steps/0/name`. Undefined: it is not there. */
export type Difference = { path: string; before: unknown; after: unknown };

/** Returns the values that differ between two JSON values. Lists are compared item by item. */
export function differences(before: unknown, after: unknown, path = ""): Difference[] {
  if (before === after) return [];
  if (!isContainer(before) || !isContainer(after) || Array.isArray(before) !== Array.isArray(after))
    return [{ path, before, after }];
  const old = before as Record<string, unknown>;
  const current = after as Record<string, unknown>;
  const keys = new Set([...Object.keys(old), ...Object.keys(current)]);
  return [...keys].flatMap((key) => differences(old[key], current[key], `${path}/${escapeKey(key)}`));
}

/** Returns the first step of a path, which names a field of the state. */
export function fieldOf(path: string): string {
  return (path.split("/")[1] ?? "").replaceAll("~1", "/").replaceAll("~0", "~");
}

function isContainer(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** Escapes a key as RFC 6901 does. */
function escapeKey(key: string): string {
  return key.replaceAll("~", "~0").replaceAll("/", "~1");
}
