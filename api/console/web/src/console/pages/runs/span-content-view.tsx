import { Json } from "../../parts/json";
import { Text, visible } from "../../parts/text";
import { type ContentPart, conversationOf, repeated } from "./content";
import type { ContentState } from "./use-contents";

/** What the page says in the place of a content that it does not have. */
const WITHOUT: Record<Extract<ContentState, string>, string> = {
  reading: "Reading its content…",
  hidden: "Its content is personal data, which you may not see.",
  erased: "Its content was erased with the personal data of the person whom it was about.",
};

/** How many characters of a message are shown at first. */
const MESSAGE = 2_000;

type Props = {
  content: ContentState;
  /** The conversation until the model was called before, which this call repeats. */
  before: ContentPart[];
};

/** Messages of a model, or what a tool got and returned. */
export function SpanContentView({ content, before }: Props) {
  if (typeof content === "string") return <p className={`content-${content} quiet`}>{WITHOUT[content]}</p>;
  const { input, output } = conversationOf(content);
  const count = repeated(input, before);
  return (
    <>
      {count > 0 && (
        <details className="repeated">
          <summary>
            {count} {count === 1 ? "message" : "messages"} as before
          </summary>
          <Parts parts={input.slice(0, count)} />
        </details>
      )}
      <Parts parts={input.slice(count)} />
      <Parts parts={output} isOutput />
    </>
  );
}

function Parts({ parts, isOutput = false }: { parts: ContentPart[]; isOutput?: boolean }) {
  if (!parts.length) return null;
  return (
    <dl className={isOutput ? "conversation output" : "conversation"}>
      {parts.map(({ label, value }, index) => (
        <div key={index}>
          <dt>
            <bdi>{visible(label)}</bdi>
          </dt>
          <dd>
            {typeof value === "string" && value ? <Text short={MESSAGE}>{value}</Text> : <Json value={value} />}
          </dd>
        </div>
      ))}
    </dl>
  );
}
