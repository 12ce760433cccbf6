// Walks through the console: an empty log, an entity with its history and reasons, a trace, the tail of events over a
// lost connection, and the views. Prints what it saw as JSON. The plan has `base`, and a `folder` for screenshots.
import { openBrowser, readPlan } from "./browser.mjs";

const { base, folder } = await readPlan();
const TITLE = "<img src=x onerror='document.title=`run`'> \u202egnihtyreve " + "long ".repeat(25);

const { browser, page, problems } = await openBrowser();
const seen = { requests: [], problems };
page.on("request", (request) => seen.requests.push(request.url()));

// The socket of the page, which the walk can cut.
let socket;
let isCut = false;
await page.routeWebSocket(/\/graphql$/, (route) => {
  if (isCut) return route.close({ code: 1013, reason: "cut" });
  socket = route;
  route.connectToServer();
});

try {
  await page.goto(`${base}/console`);
  await page.getByRole("heading", { name: "The log is empty" }).waitFor();
  await page.getByText("nerve demo").waitFor();

  const task = await mutate("createTask", { title: TITLE, priority: "HIGH" });
  const agent = await mutate("registerAgent", { name: "reader" });
  await mutate("assignTask", { id: task.stream, agentId: agent.stream });
  await mutate("startTask", { id: task.stream });
  await mutate("completeTask", { id: task.stream, result: { pages: [1, 2, 3] } });

  await page.keyboard.press("Control+k");
  await page.keyboard.type(task.stream);
  await page.keyboard.press("Enter");
  await page.getByText("version 4 of 4 · now").waitFor();
  await field("status", "COMPLETED").waitFor();
  seen.title = await page.getByRole("row", { name: /^title/ }).innerText();
  await shot("entity-now");

  const slider = page.getByRole("slider", { name: "Version" });
  await slider.focus();
  await page.keyboard.press("ArrowLeft");
  await field("status", "STARTED").waitFor();
  await page.getByText("task.started", { exact: true }).first().waitFor();
  seen.version = new URL(page.url()).hash;
  await page.getByRole("link", { name: "why has status this value?" }).click();
  const why = page.getByRole("region", { name: /^Why has status/ });
  await why.getByText("which began with a request").waitFor();
  seen.why = await why.innerText();
  await shot("entity-why");

  await why.getByRole("link", { name: /./ }).last().click();
  await page.getByRole("listitem").filter({ hasText: "StartTask" }).waitFor();
  await page.getByRole("link", { name: "Timeline" }).click();
  await page.getByRole("link", { name: /^event task.started/ }).waitFor();
  await shot("trace");

  await page.getByRole("link", { name: "Watch", exact: true }).click();
  const events = page.getByRole("list", { name: /^Events/ });
  await events.getByText("task.completed").waitFor();
  await page.getByRole("button", { name: "Pause" }).click();
  await page.getByText("paused:").waitFor();
  await mutate("createTask", { title: "while paused" });
  seen.paused = await events.getByText("task.created").count();
  await page.getByRole("button", { name: "Resume" }).click();
  await events.getByText("task.created").nth(1).waitFor();

  isCut = true;
  await socket.close({ code: 1001, reason: "cut" });
  await page.getByText(/^disconnected since/).waitFor();
  await mutate("createTask", { title: "while disconnected" });
  seen.disconnected = await events.getByText("task.created").count();
  await shot("disconnected");
  isCut = false;
  await events.getByText("task.created").nth(2).waitFor();
  seen.resumed = await events.getByText("task.created").count();

  await page.getByLabel("Types").fill("task.started");
  await page.keyboard.press("Enter");
  await page.getByText("1 events received").waitFor();
  seen.filtered = new URL(page.url()).hash;
  await events.getByRole("link", { name: "task.started" }).click();
  await page.getByRole("heading", { name: /^Data/ }).waitFor();
  await shot("watch");

  await page.getByRole("link", { name: "Health" }).click();
  await page.getByRole("button", { name: "Rebuild tasks" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Rebuild" }).click();
  await page.getByRole("row", { name: /^tasks / }).getByText("2 ").first().waitFor();
  await shot("health");

  await page.goto(`${base}/console#/entity?id=task-none`);
  await page.getByRole("heading", { name: "There is nothing here that you may see" }).waitFor();
  seen.documentTitle = await page.title();
  await page.goto(`${base}/console#/constructor`);
  await page.getByRole("heading", { name: "There is no such page" }).waitFor();
} catch (cause) {
  await shot("failed");
  throw cause;
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));

function field(name, value) {
  return page.getByRole("row", { name: new RegExp(`^${name} ${value}`) });
}

async function shot(name) {
  await page.screenshot({ path: `${folder}/${name}.png` });
}

/** Runs a mutation of its input beside the page; returns its receipt. */
async function mutate(name, input) {
  const type = `${name[0].toUpperCase()}${name.slice(1)}Input`;
  const query = `mutation Run($input: ${type}!) { ${name}(input: $input, await: PROJECTED) { receipt { stream } } }`;
  const response = await page.request.post(`${base}/graphql`, { data: { query, variables: { input } } });
  const { data, errors } = await response.json();
  if (errors) throw new Error(errors[0].message);
  return data[name].receipt;
}
