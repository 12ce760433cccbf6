// urql with its normalised cache, which knows the schema and keeps one object for each type and id.
import { Client, fetchExchange, subscriptionExchange } from "@urql/core";
import { cacheExchange } from "@urql/exchange-graphcache";
import { buildSchema, introspectionFromSchema } from "graphql";
import { schemaText } from "./documents.mjs";

/** Types without an id are parts of what they are in. */
const PARTS = ["TaskHistoryEntry", "PastState", "TaskChanged", "TasksSnapshot", "CaughtUp", "RowMeta"];

export function open(url, socket) {
  const schema = introspectionFromSchema(buildSchema(schemaText));
  const keys = Object.fromEntries(PARTS.map((name) => [name, () => null]));
  const forwardSubscription = ({ query, variables }) => ({
    subscribe: (sink) => ({ unsubscribe: socket.subscribe({ query, variables }, sink) }),
  });
  const client = new Client({
    url,
    preferGetMethod: false,
    exchanges: [cacheExchange({ schema, keys }), fetchExchange, subscriptionExchange({ forwardSubscription })],
  });
  const run = async (query, variables, requestPolicy) => {
    const { data, error } = await client.query(query, variables, { requestPolicy }).toPromise();
    if (error) throw error;
    return data;
  };
  return {
    query: (query, variables) => run(query, variables, "network-only"),
    cached: (query, variables) => run(query, variables, "cache-only"),
    async mutate(mutation, variables) {
      const { error } = await client.mutation(mutation, variables).toPromise();
      if (error) throw error;
    },
    subscribe(query, next) {
      client.subscription(query, {}).subscribe(({ data }) => next(data));
    },
  };
}
