/** A number of so many digits may be more than a number of JavaScript can hold. */
const LONG_NUMBER = /\d{16}/;

/** Parses JSON. An integer that a number of JavaScript cannot hold becomes a BigInt, with all of its digits. */
export function parseJson(text: string): unknown {
  return LONG_NUMBER.test(text) ? JSON.parse(text, exactInteger) : JSON.parse(text);
}

/** Keeps the digits of an integer. A browser that does not pass the source of a value keeps those it can hold. */
function exactInteger(_name: string, value: unknown, { source }: { source?: string } = {}): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  return source && /^-?\d+$/.test(source) ? BigInt(source) : value;
}
