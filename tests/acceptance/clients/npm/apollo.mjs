// The package @apollo/client: subscriptions over graphql-ws, or as a multipart response by HTTP.
import { ApolloClient, ApolloLink, gql, HttpLink, InMemoryCache } from "@apollo/client";
import { RetryLink } from "@apollo/client/link/retry";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { OperationTypeNode } from "graphql";
import { createClient } from "graphql-ws";
import { tap } from "rxjs";
import WebSocket from "ws";
import { PAUSE, pause, remember, resumable } from "./positions.mjs";

export function openOverSocket({ socket, http }) {
  const client = createClient({
    url: socket,
    webSocketImpl: WebSocket,
    retryAttempts: Infinity,
    retryWait: pause,
  });
  return clientOf(new GraphQLWsLink(client), new HttpLink({ uri: http }));
}

export function openOverMultipart({ http }) {
  const link = new HttpLink({ uri: http });
  const retry = new RetryLink({ attempts: { max: Infinity }, delay: { initial: PAUSE, max: PAUSE } });
  return clientOf(retry.concat(resuming).concat(link), link);
}

/** Whoever sends the operation again beside this link resumes it. */
const resuming = new ApolloLink((operation, forward) =>
  forward(operation).pipe(tap((result) => remember(operation.variables, result))),
);

function clientOf(subscriptions, others) {
  const isSubscription = ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION;
  const link = ApolloLink.split(isSubscription, resuming.concat(subscriptions), others);
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  return {
    follow(query, sink) {
      client.subscribe({ query: gql(query), variables: resumable() }).subscribe({
        next: ({ data, error }) => (error ? sink.error(error) : sink.next({ data })),
        error: sink.error,
        complete: sink.complete,
      });
    },
    async mutate(query, variables) {
      const { data } = await client.mutate({ mutation: gql(query), variables });
      return { data };
    },
  };
}
