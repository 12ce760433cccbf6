// Reads a task as it is and as it was with a normalised cache, and prints as JSON what the cache holds then.
// Usage: node run.mjs apollo|graphcache URL '{"task", "position", "open", "past"}'
// `open` is another task, which is cancelled while a subscription follows; `past` is the id of a past state.
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import * as apollo from "./apollo.mjs";
import { operations } from "./documents.mjs";
import * as graphcache from "./graphcache.mjs";

const [name, http, given] = process.argv.slice(2);
const { task, position, open, past } = JSON.parse(given);
const socket = createClient({ url: http.replace(/^http/, "ws"), webSocketImpl: WebSocket });
const client = { apollo, graphcache }[name].open(http, socket);
const query = (operation, variables) => client.query(operations[operation], variables);
const cached = (operation, variables) => client.cached(operations[operation], variables);
const asOf = { position };

const fetched = await query("Now", { id: task });
await query("History", { id: task });
await query("Past", { id: task, asOf });
const again = await query("Again", { id: past });
const versions = await query("Versions", { id: task });
const rows = await query("Rows", {});
await query("Now", { id: open });
await follow();
console.log(
  JSON.stringify({
    fetched,
    now: await cached("Now", { id: task }),
    past: await cached("Past", { id: task, asOf }),
    history: await cached("History", { id: task }),
    versions: [versions, await cached("Versions", { id: task })],
    rows: [rows, await cached("Rows", {})],
    again,
    open: await cached("Now", { id: open }),
  }),
);
process.exit(0);

/** Cancel the open task; its change comes by a subscription, and the mutation selects nothing of it. */
function follow() {
  return new Promise((resolve) => {
    client.subscribe(operations.Live, async ({ tasks: message }) => {
      if (message.__typename === "CaughtUp") await client.mutate(operations.Cancel, { id: open });
      if (message.__typename === "TaskChanged" && message.rowId === open) resolve();
    });
  });
}
