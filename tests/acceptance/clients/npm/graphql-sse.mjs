// The package graphql-sse: a connection for each operation, or a single one for all of them.
import { createClient } from "graphql-sse";
import { follow, mutate } from "./graphql-ws.mjs";
import { pause } from "./positions.mjs";

export const openDistinct = ({ http }) => open(http, false);
export const openSingle = ({ http }) => open(http, true);

function open(url, singleConnection) {
  const client = createClient({ url, singleConnection, retryAttempts: Infinity, retry: pause });
  return { follow: follow.bind(null, client), mutate: mutate.bind(null, client) };
}
