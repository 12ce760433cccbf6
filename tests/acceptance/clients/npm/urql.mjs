// The package @urql/core: subscriptions over graphql-ws, mutations by HTTP.
import { Client, cacheExchange, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { pause, remember, resumable } from "./positions.mjs";

export function open({ socket, http }) {
  const wsClient = createClient({
    url: socket,
    webSocketImpl: WebSocket,
    retryAttempts: Infinity,
    retryWait: pause,
  });
  const forwardSubscription = ({ query, variables }) => ({
    subscribe(sink) {
      const next = (result) => {
        remember(variables, result);
        sink.next(result);
      };
      return { unsubscribe: wsClient.subscribe({ query, variables }, { ...sink, next }) };
    },
  });
  const exchanges = [cacheExchange, fetchExchange, subscriptionExchange({ forwardSubscription })];
  const client = new Client({ url: http, preferGetMethod: false, exchanges });
  return {
    follow(query, sink) {
      client.subscription(query, resumable()).subscribe(({ data, error }) => {
        if (error) sink.error(error);
        else sink.next({ data });
      });
    },
    async mutate(query, variables) {
      const { data, error } = await client.mutation(query, variables).toPromise();
      if (error) throw error;
      return { data };
    },
  };
}
