const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** Writes a number of bytes with three digits at most: `740 B`, `2.5 kB`, `31 MB`. */
export function bytes(count: number): string {
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit && value < 9.95 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
}
