// Follows subscriptions with several npm packages at once, each of which subscribes again by itself when its
// connection is lost, and runs the mutations that it reads from its input, a line each:
//   {"client", "query", "variables"}
// What comes of it is told in lines: {"client", "told": message}, {"client", "ran": result}, {"client", "failed"}.
// Usage: node follow.mjs HTTP_URL CLIENTS DOCUMENT...
import { createInterface } from "node:readline";
import { inspect } from "node:util";
import * as apollo from "./npm/apollo.mjs";
import * as graphqlSse from "./npm/graphql-sse.mjs";
import * as graphqlWs from "./npm/graphql-ws.mjs";
import * as urql from "./npm/urql.mjs";

const OPEN = {
  "graphql-ws": graphqlWs.open,
  urql: urql.openOverSocket,
  "urql-fetch": urql.openOverFetch,
  apollo: apollo.openOverSocket,
  "apollo-multipart": apollo.openOverMultipart,
  "graphql-sse": graphqlSse.openDistinct,
  "graphql-sse-single": graphqlSse.openSingle,
};

const [http, names, ...documents] = process.argv.slice(2);
const address = { http, socket: http.replace(/^http/, "ws") };
const clients = Object.fromEntries(names.split(",").map((name) => [name, OPEN[name](address)]));

for (const [name, client] of Object.entries(clients)) {
  const failed = (cause) => say({ client: name, failed: inspect(cause, { depth: 5 }) });
  for (const document of documents) {
    client.follow(document, {
      next: ({ data, errors }) => (errors ? failed(errors) : say({ client: name, told: data })),
      error: failed,
      complete: () => failed("the subscription is complete"),
    });
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const { client, query, variables } = JSON.parse(line);
  clients[client].mutate(query, variables).then(
    (ran) => say({ client, ran }),
    (cause) => say({ client, failed: inspect(cause, { depth: 5 }) }),
  );
}
process.exit(0);

function say(line) {
  console.log(JSON.stringify(line));
}
