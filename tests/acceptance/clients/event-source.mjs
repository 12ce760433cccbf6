// Follows subscriptions with the browser's own EventSource, which connects again by itself. Prints a line of JSON
// for each message: [name of the subscription, its result, its lastEventId], and ends when its input does.
// Usage: node event-source.mjs CHROMIUM BASE_URL '{"name": "subscription { … }"}'
import { chromium } from "playwright-core";

const [executablePath, base, queries] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
});
const page = await browser.newPage();
await page.exposeFunction("say", (line) => console.log(line));
await page.goto(`${base}/graphiql`);
await page.evaluate((queries) => {
  for (const [name, query] of Object.entries(queries)) {
    const source = new EventSource(`/graphql?query=${encodeURIComponent(query)}`);
    source.onopen = () => say(JSON.stringify([name, "open", null]));
    source.onerror = () => say(JSON.stringify([name, "error", source.readyState]));
    source.addEventListener("next", ({ data, lastEventId }) =>
      say(JSON.stringify([name, JSON.parse(data), lastEventId])),
    );
  }
}, JSON.parse(queries));
process.stdin.resume();
await new Promise((resolve) => process.stdin.on("end", resolve));
await browser.close();
