/** Values of a line, one for each time; null where there is none. */
export type Values = readonly (number | null)[];

/** A line of a plot. With a link its name leads to what it is about. */
export type PlotLine = { name: string; values: Values; link?: string };

/** Returns the next of 1, 2, 5, 10, 20, … that is not below the value, or 1 if that is 0. */
export function niceCeiling(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5].map((factor) => factor * power).find((ceiling) => ceiling >= value) ?? 10 * power;
}

export function highest(values: Values): number {
  return values.reduce<number>((most, value) => Math.max(most, value ?? 0), 0);
}

/** Returns the path of a line in a box; it is interrupted where there is no value. */
export function linePath(values: Values, top: number, width: number, height: number): string {
  const step = width / Math.max(values.length - 1, 1);
  let isDrawn = false;
  const parts = values.map((value, index) => {
    const command = isDrawn ? "L" : "M";
    isDrawn = value !== null;
    if (value === null) return "";
    const point = `${(index * step).toFixed(1)} ${(height * (1 - value / top)).toFixed(1)}`;
    // A line of no length after each beginning: a point between two gaps is seen too.
    return command === "M" ? `M${point}h0` : `L${point}`;
  });
  return parts.join("");
}

/** Writes a number with three digits at least: `0.25`, `3.5`, `1,250`. */
export function figure(value: number | null | undefined): string {
  if (value == null) return "–";
  const digits = value !== 0 && value < 1 ? 2 : value < 10 ? 1 : 0;
  return value.toLocaleString("en", { maximumFractionDigits: digits });
}
