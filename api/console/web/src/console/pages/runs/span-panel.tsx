import { Facts } from "../../parts/facts";
import { Json } from "../../parts/json";
import { Id } from "../../parts/links";
import { duration, Moment } from "../../parts/moment";
import { Problems } from "../../parts/problems";
import { Line, Text } from "../../parts/text";
import { Cost, Tokens } from "./figures";
import { isFailed, type Span } from "./span";
import { SpanContentView } from "./span-content-view";
import { useContents } from "./use-contents";

type Props = { span: Span; changes: number; closeLink: string };

/** Everything that is recorded of one span. */
export function SpanPanel({ span, changes, closeLink }: Props) {
  const contents = useContents([span], changes);
  const content = contents.of(span);
  const hasTokens = span.inputTokens !== null || span.outputTokens !== null;
  const text = (value: string | null) => value && <Text>{value}</Text>;
  return (
    <section className="panel" aria-labelledby="span-title">
      <h2 id="span-title">
        <Line>{span.name}</Line>
      </h2>
      <a href={closeLink} className="close">
        close
      </a>
      <Facts
        facts={{
          status: isFailed(span) ? <span className="badge severity-error">failed</span> : span.status.toLowerCase(),
          error: text(span.errorType),
          began: <Moment at={span.startedAt} />,
          duration: duration(span.durationSeconds),
          operation: text(span.operation),
          agent: text(span.agentName),
          tool: text(span.toolName),
          "tool call": text(span.toolCallId),
          "requested model": text(span.requestModel),
          model: text(span.model),
          provider: text(span.provider),
          tokens: hasTokens && <Tokens input={span.inputTokens} output={span.outputTokens} />,
          cost: span.cost && <Cost value={span.cost} />,
          finished: text(span.finishReasons.join(", ")),
          service: text(span.service),
          span: <Id>{span.spanId}</Id>,
        }}
      />
      <Problems problems={contents.problems} about="the content of this span" />
      {content && <SpanContentView content={content} before={[]} />}
      <h3>Attributes</h3>
      <Json value={span.attributes} />
    </section>
  );
}
