// The package @urql/core: subscriptions over graphql-ws or by HTTP, mutations by HTTP.
import { Client, cacheExchange, fetchExchange, subscriptionExchange } from "@urql/core";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { pause, remember, resumable } from "./positions.mjs";

export function openOverSocket({ socket, http }) {
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
  return clientOf(http, [cacheExchange, fetchExchange, subscriptionExchange({ forwardSubscription })]);
}

/** Without a socket: subscriptions by HTTP too, as server-sent events. */
export function openOverFetch({ http }) {
  return clientOf(http, [cacheExchange, fetchExchange], { fetchSubscriptions: true });
}

function clientOf(url, exchanges, options) {
  const client = new Client({ url, preferGetMethod: false, exchanges, ...options });

  function follow(query, sink, variables = resumable()) {
    client.subscription(query, variables).subscribe(async ({ data, error, hasNext }) => {
      if (options?.fetchSubscriptions && (error?.networkError || !hasNext)) {
        // By HTTP urql leaves it to the application to subscribe again, also where a server went in order.
        await pause();
        follow(query, sink, { ...variables });
      } else if (error) {
        sink.error(error);
      } else {
        remember(variables, { data });
        sink.next({ data });
      }
    });
  }

  return {
    follow,
    async mutate(query, variables) {
      const { data, error } = await client.mutation(query, variables).toPromise();
      if (error) throw error;
      return { data };
    },
  };
}
