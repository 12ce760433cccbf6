// Opens GraphiQL in two windows with the network to elsewhere closed, and runs the operations that stand ready in
// its tabs: one window subscribes to tasks, the other creates one. Prints what it saw as JSON.
// Usage: node browser.mjs CHROMIUM BASE_URL ELSEWHERE_URL FOLDER_OF_SCREENSHOTS [LIVE_PAGE CREATE_PAGE]
import { chromium } from "playwright-core";

const [executablePath, base, elsewhere, folder, livePage = "/graphiql", createPage = livePage] = process.argv.slice(2);
const HEADERS = { "x-window": "the live one" };
const TITLE = "Read the incident report";

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
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
  ],
  // No proxy listens there: what is not for this machine goes nowhere, also by address.
  proxy: { server: "http://127.0.0.1:9", bypass: "127.0.0.1" },
});
const context = await browser.newContext({ viewport: { width: 1280, height: 760 }, deviceScaleFactor: 1 });
const seen = { requests: [], sockets: [], inits: [], problems: [], violations: [] };
context.setDefaultTimeout(20_000);
context.on("request", (request) => seen.requests.push(request.url()));
context.on("page", watch);

try {
  const live = await open(livePage, "LiveTasks");
  const opened = live.waitForEvent("websocket");
  await setHeaders(live, HEADERS);
  await run(live, "CaughtUp");
  const socket = await opened;

  const create = await open(createPage, "CreateTask");
  await run(create, TITLE);
  await response(live).filter({ hasText: TITLE }).waitFor();

  seen.created = await text(create);
  seen.live = await text(live);
  seen.elsewhere = await live.evaluate(
    (url) => fetch(url, { signal: AbortSignal.timeout(3_000) }).then(String, String),
    elsewhere,
  );
  await create.screenshot({ path: `${folder}/create.png` });
  await live.screenshot({ path: `${folder}/live.png` });

  const closed = socket.waitForEvent("close");
  await live.getByRole("button", { name: /^Stop query/ }).click();
  await closed;
} catch (cause) {
  await Promise.all(context.pages().map((page, i) => page.screenshot({ path: `${folder}/failed-${i}.png` })));
  throw cause;
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));

function watch(page) {
  page.on("pageerror", (error) => seen.problems.push(error.message));
  page.on("console", (message) => {
    const said = message.text();
    // The page is made to call elsewhere, which its policy forbids.
    if (said.includes("Content Security Policy") && !said.includes(elsewhere)) seen.violations.push(said);
  });
  page.on("websocket", (socket) => {
    seen.sockets.push(socket.url());
    socket.on("framesent", ({ payload }) => {
      const message = JSON.parse(payload);
      if (message.type === "connection_init") seen.inits.push(message.payload);
    });
  });
}

async function open(path, tab) {
  const page = await context.newPage();
  await page.goto(base + path);
  const editor = page.locator(".graphiql-query-editor .view-lines");
  await editor.filter({ hasText: /\w/ }).waitFor();
  await page.getByRole("tab", { name: tab }).click();
  await editor.filter({ hasText: new RegExp(`(mutation|subscription)\\s${tab}`) }).waitFor();
  return page;
}

async function setHeaders(page, headers) {
  await page.getByRole("button", { name: "Headers" }).click();
  await page.locator('.monaco-editor[data-uri$="request-headers.json"]').click();
  await page.keyboard.insertText(JSON.stringify(headers));
}

async function run(page, expected) {
  await page.getByRole("button", { name: /^Execute query/ }).click();
  await response(page).filter({ hasText: expected }).waitFor();
}

function response(page) {
  return page.locator(".graphiql-response .view-lines");
}

/** What the response shows; the editor draws blanks as no-break spaces. */
async function text(page) {
  return (await response(page).innerText()).replaceAll("\u00a0", " ");
}
