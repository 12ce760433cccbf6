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

/** Writes a time in the zone of the viewer. */
export function localTime(at: string): string {
  return LOCAL.format(new Date(at));
}

export function clock(milliseconds: number): string {
  return CLOCK.format(milliseconds);
}

/** Writes a duration with three digits at most: `340 ms`, `2.5 s`, `3 min 20 s`, `2 h 5 min`. */
export function duration(seconds: number): string {
  if (Math.round(seconds * 1000) < 1000) return `${Math.round(seconds * 1000)} ms`;
  if (Math.round(seconds * 10) < 100) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Writes how long after another moment something was, or before it: `+340 ms`, `−2.5 s`. */
export function offset(seconds: number): string {
  return `${seconds < 0 ? "−" : "+"}${duration(Math.abs(seconds))}`;
}
