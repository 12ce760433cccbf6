// Follows a subscription with the npm package graphql-ws and prints each message as a line of JSON, an empty line
// each time the connection was cut; then it resumes after the last position it was told.
// Usage: node subscribe.mjs WEBSOCKET_URL DOCUMENT
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const [url, query] = process.argv.slice(2);
let after = null;

for (;;) {
  const client = createClient({ url, webSocketImpl: WebSocket, retryAttempts: 0 });
  try {
    for await (const { data, errors } of client.iterate({ query, variables: { after } })) {
      if (errors) throw new Error(JSON.stringify(errors));
      const message = Object.values(data)[0];
      after = message.position;
      console.log(JSON.stringify(message));
    }
    process.exit(0);
  } catch (cause) {
    // graphql-ws hands on the close event; 1006 is a socket that went without a word.
    if (cause?.code !== 1006) throw cause;
    console.log();
  }
}
