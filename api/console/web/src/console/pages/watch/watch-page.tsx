import { useContext, useEffect, useMemo, useState, useSyncExternalStore } from "react";

import { linkTo, open, type PageState } from "../../address";
import { useConnection } from "../../api/hooks";
import { EventTail } from "../../api/operations";
import { GraphiqlLink } from "../../parts/links";
import { clock } from "../../parts/moment";
import { Problems } from "../../parts/problems";
import { VirtualList } from "../../parts/virtual-list";
import { Session } from "../../session";
import { readConditions, toFilter } from "./conditions";
import { EventPanel } from "./event-panel";
import { EventRow } from "./event-row";
import { FilterForm } from "./filter-form";
import { SavedFilterList } from "./saved-filter-list";
import { EventTailReader, KEPT, type TailState } from "./tail";

const ROW_HEIGHT = 30;

/** Events as they happen, with filters that are part of the address. */
export function WatchPage({ state }: { state: PageState }) {
  const { http, live } = useContext(Session);
  const [isAtEnd, setIsAtEnd] = useState(true);
  const conditions = JSON.stringify(readConditions(state));
  const tail = useMemo(() => new EventTailReader(http, live, JSON.parse(conditions)), [http, live, conditions]);
  const { events, received, isRunning, isCaughtUp, problems } = useSyncExternalStore(tail.onChange, () => tail.state);

  useEffect(() => {
    tail.resume();
    setIsAtEnd(true);
    return () => tail.dispose();
  }, [tail]);

  // A list that is read somewhere in its middle must not move: it stops before it would lose its first rows.
  useEffect(() => {
    if (!isAtEnd && isRunning && events.length >= KEPT) tail.pause();
  }, [tail, isAtEnd, isRunning, events.length]);

  function resume() {
    setIsAtEnd(true);
    tail.resume();
  }

  return (
    <>
      <h1>Watch</h1>
      <FilterForm key={conditions} state={state} />
      <SavedFilterList state={state} />
      <Problems problems={problems} about="the events of the log" />
      <div className="tail-bar">
        <button type="button" className="primary" onClick={() => (isRunning ? tail.pause() : resume())}>
          {isRunning ? "Pause" : "Resume"}
        </button>
        <TailStatus isRunning={isRunning} isCaughtUp={isCaughtUp} />
        <span className="quiet">
          {received.toLocaleString("en")} events received
          {received > events.length && `, the last ${events.length.toLocaleString("en")} are kept`}
        </span>
        <GraphiqlLink operation={EventTail} variables={{ filter: toFilter(readConditions(state)) }} />
        {!isAtEnd && (
          <button type="button" onClick={resume}>
            Follow the newest
          </button>
        )}
      </div>
      <div className={state.event ? "tail with-panel" : "tail"}>
        {events.length ? (
          <VirtualList
            count={events.length}
            height={ROW_HEIGHT}
            label="Events, the newest last"
            isAtEnd={isAtEnd && isRunning}
            rowKey={(index) => events[index]?.id ?? String(index)}
            row={(index) => <EventRow event={events[index]} state={state} />}
            onEndChange={setIsAtEnd}
          />
        ) : (
          <p className="empty">{isCaughtUp ? "No event matches yet. New ones appear here." : "Reading the log…"}</p>
        )}
        {state.event && (
          <EventPanel
            id={state.event}
            close={() => open(linkTo("watch", { ...state, event: undefined }), { replace: true })}
          />
        )}
      </div>
    </>
  );
}

function TailStatus({ isRunning, isCaughtUp }: Pick<TailState, "isRunning" | "isCaughtUp">) {
  const { state, since } = useConnection();
  if (state === "refused") return <span className="status lost">not live since {clock(since)}; sign in to continue</span>;
  if (state === "ended")
    return <span className="status lost">not live since {clock(since)}; load the page again to continue</span>;
  if (!isRunning) return <span className="status paused">paused: resuming continues after the last event</span>;
  if (state === "lost") return <span className="status lost">not live since {clock(since)}; continues without a gap</span>;
  return <span className="status live">{state === "live" && isCaughtUp ? "live" : "catching up…"}</span>;
}
