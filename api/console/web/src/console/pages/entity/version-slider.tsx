import { useEffect, useRef, useState } from "react";

import { linkTo, open, type PageState } from "../../address";

type Props = { id: string; state: PageState; number: number; latest: number };

/** Milliseconds after the last movement of the slider before its version is read. */
const SETTLING = 120;

/** Chooses a version of the history. The latest one follows the stream as it grows. */
export function VersionSlider({ id, state, number, latest }: Props) {
  const [position, setPosition] = useState(number);
  const timer = useRef(0);
  useEffect(() => setPosition(number), [number]);
  useEffect(() => () => clearTimeout(timer.current), []);

  function choose(version: number, delay = 0) {
    const bounded = Math.min(latest, Math.max(1, version));
    setPosition(bounded);
    clearTimeout(timer.current);
    const link = linkTo("entity", { ...state, id, version: bounded === latest ? undefined : bounded });
    timer.current = setTimeout(() => open(link, { replace: true }), delay);
  }

  return (
    <div className="slider" role="group" aria-label="Version">
      <button type="button" onClick={() => choose(position - 1)} disabled={position <= 1}>
        ← earlier
      </button>
      <input
        type="range"
        min={1}
        max={latest}
        value={position}
        aria-label="Version"
        aria-valuetext={`version ${position} of ${latest}`}
        onChange={({ target }) => choose(Number(target.value), SETTLING)}
      />
      <button type="button" onClick={() => choose(position + 1)} disabled={position >= latest}>
        later →
      </button>
      <output>
        version {position.toLocaleString("en")} of {latest.toLocaleString("en")}
        {position === latest ? " · now" : ""}
      </output>
      <button type="button" onClick={() => choose(latest)} disabled={position >= latest}>
        now
      </button>
    </div>
  );
}
