// Sends one query twice with Apollo Client's link for persisted queries, and prints for each request a line
// of JSON: its method, whether it held the text of the query, and the answer.
// Usage: node persisted.mjs URL
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { createPersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { createHash } from "node:crypto";

const [uri] = process.argv.slice(2);
const sha256 = (text) => createHash("sha256").update(text).digest("hex");

async function watched(url, options) {
  const response = await fetch(url, options);
  const text = url.includes("query=") || Boolean(options.body?.includes('"query":'));
  console.log(JSON.stringify([options.method, text, await response.clone().json()]));
  return response;
}

const client = new ApolloClient({
  cache: new InMemoryCache(),
  link: ApolloLink.from([
    createPersistedQueryLink({ sha256, useGETForHashedQueries: true }),
    new HttpLink({ uri, fetch: watched }),
  ]),
});
for (let time = 0; time < 2; time++) {
  await client.query({ query: gql("query ByApollo { agents { totalCount } }"), fetchPolicy: "network-only" });
}
