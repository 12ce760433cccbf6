import { useState } from "react";

import { Text, visible } from "./text";

/** How many members of a list or an object are shown at once: a state of a megabyte keeps the page usable. */
const MEMBERS = 50;
/** Levels that are open at first. */
const OPEN_LEVELS = 2;

/** A JSON value as a tree that opens level by level. */
export function Json({ value, level = 0 }: { value: unknown; level?: number }) {
  if (value === undefined) return <span className="json-none">not there</span>;
  if (value === null) return <span className="json-none">null</span>;
  if (typeof value === "string") return value ? <Text>{value}</Text> : <span className="json-none">empty text</span>;
  if (typeof value !== "object") return <span className="json-plain">{String(value)}</span>;
  return <Members value={value} level={level} />;
}

function Members({ value, level }: { value: object; level: number }) {
  const entries = Object.entries(value);
  const [isOpen, setIsOpen] = useState(level < OPEN_LEVELS && entries.length <= MEMBERS);
  const [shown, setShown] = useState(MEMBERS);
  const [first, last] = Array.isArray(value) ? "[]" : "{}";
  if (!entries.length) return <span className="json-none">{`${first}${last}`}</span>;
  const count = `${first} ${entries.length.toLocaleString("en")} ${last}`;
  return (
    <details className="json" open={isOpen} onToggle={(event) => setIsOpen(event.currentTarget.open)}>
      <summary>{count}</summary>
      {isOpen && (
        <dl>
          {entries.slice(0, shown).map(([name, member]) => (
            <div key={name}>
              <dt>
                <bdi>{visible(name)}</bdi>
              </dt>
              <dd>
                <Json value={member} level={level + 1} />
              </dd>
            </div>
          ))}
        </dl>
      )}
      {isOpen && entries.length > shown && (
        <button type="button" className="more" onClick={() => setShown(shown + 10 * MEMBERS)}>
          more, of {entries.length.toLocaleString("en")}
        </button>
      )}
    </details>
  );
}
