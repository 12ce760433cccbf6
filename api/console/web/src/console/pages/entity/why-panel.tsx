import { useMemo } from "react";

import { linkTo, type PageState } from "../../address";
import { useOperation } from "../../api/hooks";
import type { Point } from "../../api/rows";
import type { ViewQuery } from "../../api/schema";
import { type CausingEvent, whyOperation } from "../../api/why";
import { useFocusedPart } from "../../parts/focus";
import { Json } from "../../parts/json";
import { EntityLink, Id, TraceLink } from "../../parts/links";
import { Moment } from "../../parts/moment";
import { Problems } from "../../parts/problems";
import { Text, visible } from "../../parts/text";

type Props = { id: string; view: ViewQuery; field: string; asOf: Point; state: PageState };

/** Returns the id of the link that opens the panel of a field. */
export function whyLinkId(field: string): string {
  return `why-link-${field}`;
}

/** Why a field has its value: the event that set it, its command, and what led to that, back to the request. */
export function WhyPanel({ id, view, field, asOf, state }: Props) {
  const operation = useMemo(() => whyOperation(view, field), [view.singular, field]);
  const { data, problems, isLoading } = useOperation(operation, { id, asOf });
  const why = isLoading ? undefined : data?.why;
  const first = why && (why.causes.at(-1) ?? why.event);
  const panel = useFocusedPart<HTMLElement>(whyLinkId(field));
  return (
    <section ref={panel} tabIndex={-1} className="why" aria-labelledby="why-title" aria-busy={isLoading}>
      <h2 id="why-title">
        Why has <code>{field}</code> this value?
      </h2>
      <a href={linkTo("entity", { ...state, id, why: undefined })} className="close">
        close
      </a>
      <Problems problems={problems} about={`the reason of ${field}`} />
      {why === null && <p>There is no reason: no event has set this field.</p>}
      {why && first && (
        <ol className="causes">
          <li>
            It was <Json value={why.before} /> and became <Json value={why.value} />
          </li>
          <Cause event={why.event} verb="by the event" />
          {why.causes.map((event) => (
            <Cause key={event.id} event={event} verb="because of the event" />
          ))}
          <li>
            {first.causationId ? (
              <>
                which <Id>{first.causationId}</Id> has caused
              </>
            ) : (
              <>
                which began with a request{first.source && ` through ${visible(first.source)}`}
                {first.actor && (
                  <>
                    {" "}
                    of <Text>{first.actor}</Text>
                  </>
                )}
                {first.authentication && <span className="quiet"> ({visible(first.authentication)})</span>}
              </>
            )}
            : trace <TraceLink id={first.correlationId} />
          </li>
        </ol>
      )}
    </section>
  );
}

function Cause({ event, verb }: { event: CausingEvent; verb: string }) {
  return (
    <li>
      {verb}{" "}
      <strong>
        <Text>{event.type}</Text>
      </strong>{" "}
      of <EntityLink id={event.stream} version={event.version} />
      <p className="quiet">
        command <Text>{event.command}</Text> · <Moment at={event.time} />
        {event.actor && (
          <>
            {" "}
            · <Text>{event.actor}</Text>
          </>
        )}
      </p>
    </li>
  );
}
