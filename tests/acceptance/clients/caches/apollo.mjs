// Apollo Client with its InMemoryCache, which keeps one object for each type and id.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { OperationTypeNode } from "graphql";

export function open(http, socket) {
  const isSubscription = ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION;
  const link = ApolloLink.split(isSubscription, new GraphQLWsLink(socket), new HttpLink({ uri: http }));
  const cache = new InMemoryCache({ typePolicies: { RowMeta: { merge: true } } });
  const client = new ApolloClient({ link, cache });
  return {
    async query(query, variables) {
      return (await client.query({ query, variables, fetchPolicy: "network-only" })).data;
    },
    async cached(query, variables) {
      return client.readQuery({ query, variables });
    },
    async mutate(mutation, variables) {
      await client.mutate({ mutation, variables });
    },
    subscribe(query, next) {
      client.subscribe({ query }).subscribe({ next: ({ data }) => next(data) });
    },
  };
}
