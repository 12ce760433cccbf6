// The package graphql-ws: everything over one socket.
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { pause, remember, resumable } from "./positions.mjs";

export function open({ socket }) {
  const client = createClient({
    url: socket,
    webSocketImpl: WebSocket,
    retryAttempts: Infinity,
    retryWait: pause,
  });
  return { follow: follow.bind(null, client), mutate: mutate.bind(null, client) };
}

/** Clients of the shape that graphql-ws and graphql-sse have in common. */
export function follow(client, query, sink) {
  const variables = resumable();
  const next = (result) => {
    remember(variables, result);
    sink.next(result);
  };
  client.subscribe({ query, variables }, { ...sink, next });
}

export function mutate(client, query, variables) {
  return new Promise((resolve, error) => {
    let result;
    const complete = () => resolve(result);
    client.subscribe({ query, variables }, { next: (only) => (result = only), error, complete });
  });
}
