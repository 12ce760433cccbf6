// Runs the audits of the npm package graphql-http against a server, and prints each as a line of JSON.
// Usage: node audit.mjs URL
import { serverAudits } from "graphql-http";

const [url] = process.argv.slice(2);

for (const audit of serverAudits({ url })) {
  const { id, name, status, reason } = await audit.fn();
  console.log(JSON.stringify({ id, name, status, reason }));
}
