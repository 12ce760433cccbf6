import { useConnection } from "../api/hooks";
import { clock } from "../parts/moment";

/** Whether what the page shows is live, and since when it is not. */
export function ConnectionState() {
  const { state, since } = useConnection();
  const words = {
    connecting: "connecting…",
    live: "connected",
    lost: `disconnected since ${clock(since)}`,
    refused: "not signed in",
  }[state];
  return (
    <span role="status" className={`connection ${state}`} title={new Date(since).toISOString()}>
      {words}
    </span>
  );
}

/** Says above the page that nothing on it is live. */
export function LostConnection() {
  const { state, since } = useConnection();
  if (state !== "lost") return null;
  return (
    <p className="lost">
      Disconnected since {clock(since)}: this page shows the state at that time. The console connects again by itself and
      continues after the last event that it has received.
    </p>
  );
}
