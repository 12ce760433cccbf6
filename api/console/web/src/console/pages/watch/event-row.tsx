import { memo } from "react";

import { linkTo, type PageState } from "../../address";
import { EntityLink, Severity } from "../../parts/links";
import { Moment } from "../../parts/moment";
import { Line } from "../../parts/text";
import type { TailEvent } from "./tail";

/** Returns the id of the link that opens the details of an event. */
export function eventLinkId(id: string): string {
  return `event-${id}`;
}

/** One event of the tail. Its type leads to its details beside the list. */
export const EventRow = memo(function EventRow({ event, state }: { event: TailEvent | undefined; state: PageState }) {
  if (!event) return null;
  const isSelected = state.event === event.id;
  return (
    <div className={isSelected ? "event-row selected" : "event-row"}>
      <Moment at={event.recordedAt} isClock />
      <span className="type">
        <a
          id={eventLinkId(event.id)}
          href={linkTo("watch", { ...state, event: event.id })}
          aria-current={isSelected ? "true" : undefined}
        >
          <Line>{event.type}</Line>
        </a>
        <Severity value={event.severity} />
      </span>
      <EntityLink id={event.stream} version={event.version} />
      <span className="command">
        <Line>{event.command}</Line>
      </span>
      <span className="actor">{event.actor && <Line>{event.actor}</Line>}</span>
    </div>
  );
});
