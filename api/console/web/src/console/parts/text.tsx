import { useState } from "react";

/** Characters that are not seen, or that reorder the text around them. */
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

const SHORT = 300;
/** How much of a text shows when the pointer rests on it. */
const LONG = 2_000;

/** Writes characters that are not seen as their code points, so that no text can look like another. */
export function visible(text: string): string {
  return text.replace(INVISIBLE, (sign) => `⟨U+${sign.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
}

/** Text from the log, as it is: isolated from the direction of the text around it, cut if it is long. */
export function Text({ children, short = SHORT }: { children: string; short?: number }) {
  const [isWhole, setIsWhole] = useState(false);
  if (isWhole || children.length <= short) return <bdi dir="auto">{visible(children)}</bdi>;
  return (
    <>
      <bdi dir="auto">{visible(children.slice(0, short))}…</bdi>{" "}
      <button type="button" className="more" onClick={() => setIsWhole(true)}>
        all {children.length.toLocaleString("en")} characters
      </button>
    </>
  );
}

/** A description: what is between backticks is code. */
export function Description({ children }: { children: string }) {
  if (children.length > SHORT) return <Text>{children}</Text>;
  const parts = children.split(/`([^`]+)`/);
  return (
    <bdi dir="auto">
      {parts.map((part, index) => (index % 2 ? <code key={index}>{visible(part)}</code> : visible(part)))}
    </bdi>
  );
}

/** Text of one line: what does not fit is cut, and shown when the pointer rests on it. */
export function Line({ children }: { children: string }) {
  const isCut = children.length > SHORT;
  return (
    <bdi dir="auto" className="line" title={visible(children.slice(0, LONG))}>
      {visible(children.slice(0, SHORT))}
      {isCut && "…"}
    </bdi>
  );
}
