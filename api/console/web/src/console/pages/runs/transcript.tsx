import { useMemo, useState } from "react";

import type { PageState } from "../../address";
import { duration, offset } from "../../parts/moment";
import { Problems } from "../../parts/problems";
import { Line, Text, visible } from "../../parts/text";
import { type ContentPart, conversationOf } from "./content";
import { Cost, Tokens } from "./figures";
import { isFailed, roleOf, secondsBetween, type Span } from "./span";
import { SpanContentView } from "./span-content-view";
import { type Contents, useContents } from "./use-contents";

/** How many steps are shown at once: their contents may be long. */
const AT_ONCE = 50;

type Props = { spans: Span[]; changes: number; link(changes: PageState): string };

/** What the agent did, step by step: calls of agents, models and tools, and whatever else failed or has content. */
export function Transcript({ spans, changes, link }: Props) {
  const [shown, setShown] = useState(AT_ONCE);
  const steps = useMemo(
    () => spans.filter((span) => roleOf(span) !== "other" || span.hasContent || isFailed(span)),
    [spans],
  );
  const visibleSteps = steps.slice(0, shown);
  const contents = useContents(visibleSteps, changes);
  const before = conversationsBefore(visibleSteps, contents);
  const others = spans.length - steps.length;
  return (
    <section aria-label="Transcript">
      <Problems problems={contents.problems} about="the contents of the spans" />
      {!steps.some(({ hasContent }) => hasContent) && (
        <p className="quiet">Messages and arguments of tools were not recorded in this run.</p>
      )}
      <ol className="transcript">
        {visibleSteps.map((span) => (
          <Step
            key={span.spanId}
            span={span}
            start={spans[0]?.startNano ?? span.startNano}
            contents={contents}
            before={before.get(span.spanId) ?? []}
            link={link({ show: "waterfall", span: span.spanId })}
          />
        ))}
      </ol>
      {steps.length > shown && (
        <button type="button" onClick={() => setShown(shown + AT_ONCE)}>
          More, of {steps.length.toLocaleString("en")} steps
        </button>
      )}
      {others > 0 && (
        <p className="quiet">
          {others.toLocaleString("en")} other {others === 1 ? "span is" : "spans are"} in the{" "}
          <a href={link({ show: "waterfall" })}>waterfall</a>.
        </p>
      )}
    </section>
  );
}

type StepProps = { span: Span; start: string; contents: Contents; before: ContentPart[]; link: string };

function Step({ span, start, contents, before, link }: StepProps) {
  const role = roleOf(span);
  const content = contents.of(span);
  const hasTokens = span.inputTokens !== null || span.outputTokens !== null;
  // The span of an agent repeats the sum of its calls.
  const showsTokens = hasTokens && role === "model";
  return (
    <li className={`step role-${role}`}>
      <header>
        <span className="badge">{role === "other" ? span.kind.toLowerCase() : role}</span>
        <a href={link}>
          <Line>{span.name}</Line>
        </a>
        {span.agentName && (
          <span className="quiet">
            <Line>{span.agentName}</Line>
          </span>
        )}
        {isFailed(span) && (
          <span className="badge severity-error">failed{span.errorType && `: ${visible(span.errorType)}`}</span>
        )}
        <span className="figures">
          <span title={span.startedAt}>{offset(secondsBetween(start, span.startNano))}</span>
          <span>{duration(span.durationSeconds)}</span>
          {showsTokens && (
            <span>
              <Tokens input={span.inputTokens} output={span.outputTokens} />
            </span>
          )}
          {span.cost !== null && showsTokens && (
            <span>
              cost <Cost value={span.cost} />
            </span>
          )}
          {span.finishReasons.length > 0 && (
            <span>
              <Text>{span.finishReasons.join(", ")}</Text>
            </span>
          )}
        </span>
      </header>
      {content && <SpanContentView content={content} before={before} />}
    </li>
  );
}

/** Returns for each call of a model the conversation of the call before it, which it mostly repeats. */
function conversationsBefore(steps: Span[], contents: Contents): Map<string, ContentPart[]> {
  const before = new Map<string, ContentPart[]>();
  let last: ContentPart[] = [];
  for (const span of steps) {
    const content = roleOf(span) === "model" ? contents.of(span) : undefined;
    if (typeof content !== "object") continue;
    before.set(span.spanId, last);
    const { input, output } = conversationOf(content);
    last = [...input, ...output];
  }
  return before;
}
