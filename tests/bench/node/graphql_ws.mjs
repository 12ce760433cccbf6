// The peer on Node: graphql-ws with ws, set up as its documentation has it. `node graphql_ws.mjs FIRST POSITION FD CONTROL`
import { EventEmitter, on } from "node:events";
import { createServer } from "node:http";
import { Socket } from "node:net";
import { createInterface } from "node:readline";

import { GraphQLID, GraphQLNonNull, GraphQLObjectType, GraphQLSchema, GraphQLString } from "graphql";
import { useServer } from "graphql-ws/use/ws";
import { WebSocketServer } from "ws";

const [first, position, listener, control] = process.argv.slice(2).map(Number);
const events = new EventEmitter();
events.setMaxListeners(0);

const text = { type: new GraphQLNonNull(GraphQLString) };
const Event = new GraphQLObjectType({
  name: "Event",
  fields: { id: { type: new GraphQLNonNull(GraphQLID) }, type: text, category: text, position: text },
});
const schema = new GraphQLSchema({
  query: new GraphQLObjectType({ name: "Query", fields: { ok: text } }),
  subscription: new GraphQLObjectType({
    name: "Subscription",
    fields: {
      events: {
        type: Event,
        subscribe: () => on(events, "event"),
        resolve: ([event]) => event,
      },
    },
  }),
});

const server = createServer();
useServer({ schema }, new WebSocketServer({ server, path: "/graphql" }), 0);
server.listen({ fd: listener });

let next = first;
createInterface({ input: new Socket({ fd: control }) }).on("line", (line) => {
  for (let left = Number(line); left > 0; left--) {
    const number = next++;
    events.emit("event", {
      id: `event-${String(number).padStart(28, "0")}`,
      type: "task.completed",
      category: "task",
      position: String(number).padStart(position, "0"),
    });
  }
});
