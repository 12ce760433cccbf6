// A page of another origin tries to read from and write to nerve in every way that a browser has, then as a page
// whose host name points to nerve. Prints for each page and each way what the page got to see, as JSON.
// Usage: node foreign.mjs CHROMIUM NERVE_URL REBOUND_NERVE_URL PAGE_URL…
import { chromium } from "playwright-core";

const [executablePath, nerve, rebound, ...pages] = process.argv.slice(2);

const browser = await chromium.launch({
  executablePath,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    // The name of the foreign page, and the one that was rebound, lead to this machine.
    "--host-resolver-rules=MAP *.example 127.0.0.1, MAP localhost 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
  ],
});
try {
  const seen = [];
  for (const page of pages) seen.push(await visit(page));
  console.log(JSON.stringify(seen));
} finally {
  await browser.close();
}

/** What one page got to see, in a profile of its own. */
async function visit(page_url) {
  // A page whose name was rebound came from a foreign server, so no policy of nerve's responses holds in it.
  const context = await browser.newContext({ bypassCSP: true });
  context.setDefaultTimeout(20_000);
  const page = await context.newPage();
  await page.goto(page_url);
  const cross = await page.evaluate(attack, `${nerve}/graphql`);
  const framed = await page.evaluate(frame, `${nerve}/graphql`);
  await page.goto(`${rebound}/graphiql`);
  const same = await page.evaluate(attack, `${rebound}/graphql`);
  const link = await context.newPage();
  await link.goto(page_url);
  await link.evaluate((url) => void (location.href = url), `${nerve}/graphiql`);
  await link.waitForURL(`${nerve}/graphiql`);
  await link.waitForLoadState();
  const linked = await link.title();
  await context.close();
  return { cross, framed, rebound: same, linked };
}

/** Runs in the page: every way to reach `url`, and what the page got to see. */
async function attack(url) {
  const create = (way) => `mutation { createTask(input: { title: "${way}" }) { receipt { version } } }`;
  const read = encodeURIComponent("{ tasks(first: 1) { totalCount } }");
  const live = encodeURIComponent("subscription { tasks { ... on CaughtUp { position } } }");
  const json = (way) => JSON.stringify({ query: create(way) });
  const base = url.replace(/\/graphql$/, "");
  const signal = () => AbortSignal.timeout(5_000);
  const show = async (response) => `${response.type} ${response.status} ${await response.text()}`.slice(0, 200);
  const post = (way, options) => fetch(url, { method: "POST", body: json(way), signal: signal(), ...options });
  const typed = { headers: { "content-type": "application/json" } };
  const loads = (tag, set) =>
    new Promise((resolve) => {
      const element = Object.assign(document.createElement(tag), set);
      element.onload = () => resolve("loaded");
      element.onerror = () => resolve("Error: not loaded");
      document.body.append(element);
      setTimeout(() => resolve("Error: no answer"), 5_000);
    });
  const ways = {
    "simple POST": () => post("simple POST", {}).then(show),
    "POST of JSON": () => post("POST of JSON", typed).then(show),
    "no-cors POST": () => post("no-cors POST", { mode: "no-cors" }).then(show),
    "GET": () => fetch(`${url}?query=${read}`, { signal: signal() }).then(show),
    "no-cors GET": () => fetch(`${url}?query=${read}`, { mode: "no-cors", signal: signal() }).then(show),
    "PUT": () => fetch(url, { method: "PUT", signal: signal() }).then(show),
    "multipart": () =>
      post("multipart", { headers: { ...typed.headers, accept: "multipart/mixed;subscriptionSpec=1.0" } }).then(show),
    "metrics": () => fetch(`${base}/metrics`, { signal: signal() }).then(show),
    "page": () => fetch(`${base}/graphiql`, { signal: signal() }).then(show),
    "image": () => loads("img", { src: `${url}?query=${read}` }),
    "script": () => loads("script", { src: `${url}?query=${read}` }),
    "EventSource": () =>
      new Promise((resolve) => {
        const source = new EventSource(`${url}?query=${live}`);
        source.addEventListener("next", ({ data }) => resolve(data) || source.close());
        source.onerror = () => resolve("Error: refused") || source.close();
      }),
    "form": () =>
      new Promise((resolve) => {
        const target = Object.assign(document.createElement("iframe"), { name: "target" });
        const form = Object.assign(document.createElement("form"), { method: "POST", action: url, target: "target" });
        form.enctype = "text/plain";
        const input = Object.assign(document.createElement("input"), { name: json("form").slice(0, -1), value: "}" });
        form.append(input);
        document.body.append(target, form);
        target.onload = () => {
          try {
            resolve(target.contentDocument.body.innerText || "Error: nothing to see");
          } catch (error) {
            resolve(String(error));
          }
        };
        form.submit();
        setTimeout(() => resolve("Error: no answer"), 5_000);
      }),
    "WebSocket": () => {
      const query = create("WebSocket");
      return new Promise((resolve) => {
        const socket = new WebSocket(url.replace(/^http/, "ws"), "graphql-transport-ws");
        socket.onopen = () => socket.send('{"type":"connection_init"}');
        socket.onmessage = ({ data }) => {
          if (JSON.parse(data).type === "connection_ack") {
            socket.send(JSON.stringify({ type: "subscribe", id: "1", payload: { query } }));
          } else {
            resolve(data) || socket.close();
          }
        };
        socket.onclose = ({ code }) => resolve(`Error: closed ${code}`);
      });
    },
  };
  const seen = {};
  for (const [way, run] of Object.entries(ways)) seen[way] = await run().catch(String);
  return seen;
}

/** Runs in the page: a sandboxed frame, whose origin is null, tries a socket and a fetch. */
async function frame(url) {
  const query = 'mutation { createTask(input: { title: "null origin" }) { receipt { version } } }';
  const script = `
    const say = (text) => parent.postMessage(text, "*");
    const body = ${JSON.stringify(JSON.stringify({ query }))};
    const headers = { "content-type": "application/json" };
    const socket = new WebSocket(${JSON.stringify(url.replace(/^http/, "ws"))}, "graphql-transport-ws");
    socket.onopen = () => say("socket opened");
    socket.onclose = ({ code }) =>
      fetch(${JSON.stringify(url)}, { method: "POST", body, headers }).then((r) => r.text()).then(say, (e) => say(String(e)));`;
  return new Promise((resolve) => {
    onmessage = ({ data }) => resolve(data);
    const frame = document.createElement("iframe");
    frame.setAttribute("sandbox", "allow-scripts");
    frame.srcdoc = `<script>${script}</scr` + `ipt>`;
    document.body.append(frame);
  });
}
