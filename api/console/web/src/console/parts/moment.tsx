const LOCAL = new Intl.DateTimeFormat("sv-SE", {
  dateStyle: "short",
  timeStyle: "medium",
});
const CLOCK = new Intl.DateTimeFormat("sv-SE", { timeStyle: "medium" });

/** A time in the zone of the viewer; the exact value shows when the pointer rests on it. */
export function Moment({ at, isClock = false }: { at: string; isClock?: boolean }) {
  const format = isClock ? CLOCK : LOCAL;
  return (
    <time dateTime={at} title={at}>
      {format.format(new Date(at))}
    </time>
  );
}

export function clock(milliseconds: number): string {
  return CLOCK.format(milliseconds);
}

/** Writes a duration with three digits at most: `340 ms`, `2.5 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
