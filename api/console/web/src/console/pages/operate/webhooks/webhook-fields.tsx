/** How long the old secret may still sign requests, as ISO 8601 has it. */
const OVERLAPS = [
  { duration: "P1D", label: "for a day" },
  { duration: "PT1H", label: "for an hour" },
  { duration: "P7D", label: "for a week" },
  { duration: "PT0S", label: "no longer" },
];

/** How long the old secret signs requests beside the new one. */
export function SecretOverlap() {
  return (
    <label>
      The old secret signs too
      <select name="overlap">
        {OVERLAPS.map(({ duration, label }) => (
          <option key={duration} value={duration}>
            {label}
          </option>
        ))}
      </select>
    </label>
  );
}

/** Where a replay begins. With neither it is the beginning of the log. */
export function ReplayStart() {
  return (
    <>
      <label>
        After the event with this id
        <input name="afterEvent" placeholder="evt-01J…" autoComplete="off" spellCheck={false} />
      </label>
      <label>
        or since this time of recording, in your time
        <input name="since" type="datetime-local" step={1} />
      </label>
      <p className="quiet">With neither, from the beginning of the log.</p>
    </>
  );
}
