import { useConnection } from "../api/hooks";
import { isDisconnected } from "../api/live";
import { clock } from "../parts/moment";

/** Whether what the page shows is live, and since when it is not. */
export function ConnectionState() {
  const { state, since } = useConnection();
  const words = {
    connecting: "connecting…",
    live: "connected",
    lost: `disconnected since ${clock(since)}`,
    refused: "not signed in",
    ended: `disconnected since ${clock(since)}`,
  }[state];
  return (
    <span role="status" className={`connection ${state}`} title={new Date(since).toISOString()}>
      {words}
    </span>
  );
}

/** Says above the page that nothing on it is live. */
export function LostConnection() {
  const connection = useConnection();
  const { state, since } = connection;
  if (!isDisconnected(connection)) return null;
  return (
    <p className="lost">
      {state === "refused" ? "Not live" : "Disconnected"} since {clock(since)}: this page shows the state at that time.{" "}
      {state === "lost" &&
        "The console connects again by itself and continues after the last event that it has received."}
      {state === "refused" && "Sign in to continue."}
      {state === "ended" && "The server has ended the connection; load the page again to continue."}
    </p>
  );
}
