// Creates the first entity with the operation that the empty log offers, finds the view that is behind and why, and waits
// until a worker has mended it. Then follows a view over a dead letter, a retry, and a rebuild that is held and switched
// to. Looks at the map of the contexts and keeps a filter. The plan has `base`, and a `folder` for screenshots. Prints
// what it saw as JSON: a line whenever something beside the page must change, and one at the end. It goes on when there
// is an item with the name that the line has.
import { violationsInBoth } from "./accessibility.mjs";
import { openBrowser, readPlan } from "./browser.mjs";

const { base, folder } = await readPlan();
const { browser, page, problems } = await openBrowser();
const seen = { problems, violations: {} };

try {
  await page.goto(`${base}/console`);
  await page.getByRole("heading", { name: "Create the first entity" }).waitFor();
  const first = await page.getByRole("link", { name: "Open in GraphiQL" }).getAttribute("href");
  await look("start");
  seen.created = await run(first);
  await ask('mutation { addItem(input: { name: "bad" }) { receipt { version } } }');

  await page.getByRole("link", { name: "Health", exact: true }).click();
  const row = page.getByRole("row", { name: /^tasks \d no worker/ });
  await row.getByRole("link", { name: "tasks" }).click();
  await page.getByRole("heading", { name: "Why is tasks behind?" }).waitFor();
  seen.link = new URL(page.url()).hash;
  seen.remedy = await page.getByRole("region", { name: "Why is tasks behind?" }).innerText();
  await look("behind");
  print({ lag: await row.innerText() });

  await page.getByRole("heading", { name: "tasks is up to date" }).waitFor();
  await page.getByRole("cell", { name: "worker", exact: true }).waitFor();
  const lag = page.getByRole("slider", { name: "Time in the plot: Lag" });
  await lag.focus();
  await page.keyboard.press("ArrowLeft");
  seen.earlier = await lag.getAttribute("aria-valuenow");
  await page.keyboard.press("End");
  seen.plot = await lag.getAttribute("aria-valuetext");
  await page.getByText("Table of Lag").click();
  seen.table = await page.getByRole("region", { name: "Table of Lag" }).getByRole("row").count();
  await page.getByRole("link", { name: "15 min" }).click();
  await page.waitForURL(/span=900/);
  await look("health");

  seen.parked = await retryInVain();
  await retry();
  seen.held = await switchToHeld();
  await retry();
  await act("Forget earlier rows");
  await panel().getByRole("button", { name: "Forget earlier rows items" }).waitFor({ state: "detached" });
  seen.generations = await page.getByRole("row", { name: /^items/ }).locator(".badge").allInnerTexts();

  await page.getByRole("link", { name: "Contexts", exact: true }).click();
  await page.getByRole("row", { name: /^tasks aggregate/ }).getByRole("link", { name: "tasks" }).first().click();
  const context = page.getByRole("region", { name: "tasks", exact: true });
  seen.command = await context.getByRole("row", { name: /^CreateTask/ }).innerText();
  await look("contexts");
  await context.getByRole("link", { name: "task.created", exact: true }).click();
  await page.getByLabel("Name for these filters").fill("New tasks");
  await page.keyboard.press("Enter");
  await page.reload();
  await page.getByRole("link", { name: "Clear" }).click();
  await page.getByRole("navigation", { name: "Saved filters" }).getByRole("link", { name: "New tasks" }).click();
  await page.getByRole("list", { name: /^Events/ }).getByText("task.created").waitFor();
  seen.filter = new URL(page.url()).hash;
  await look("watch");
} catch (cause) {
  await page.screenshot({ path: `${folder}/failed.png`, fullPage: true });
  throw cause;
} finally {
  await browser.close();
}
print(seen);

/** Finds the event that a view could not apply from the first page, and retries it; returns why it is refused. */
async function retryInVain() {
  await page.getByRole("link", { name: "Start", exact: true }).click();
  await page.getByRole("link", { name: "The view items could not apply 1 event" }).click();
  await page.getByRole("heading", { name: "Some rows of items stand still" }).waitFor();
  await look("dead letters");
  await letters().getByRole("button", { name: /^Retry item.named/ }).click();
  await dialog().getByRole("button", { name: "Retry" }).click();
  const refusal = await dialog().getByRole("alert").innerText();
  await dialog().getByRole("button", { name: "Cancel" }).click();
  await until("corrected");
  return refusal;
}

/** Retries the dead letter, whose cause was corrected, chosen in the list. */
async function retry() {
  await letters().getByLabel(/^choose item/).check();
  await letters().getByRole("button", { name: "Retry chosen" }).click();
  await dialog().getByRole("button", { name: "Retry 1 dead letter" }).click();
  await letters().getByText("There are none").waitFor();
}

/** Rebuilds the view with an error in it, and switches to the rows in spite of it; returns why they were held. */
async function switchToHeld() {
  await until("regressed");
  await act("Rebuild");
  const button = panel().getByRole("button", { name: "Switch items" });
  await button.waitFor();
  const reason = await panel().innerText();
  await look("held");
  await act("Switch");
  await button.waitFor({ state: "detached" });
  // Until then the dead letters are those of the rows before.
  await page.getByRole("row", { name: /^items/ }).locator(".badge", { hasText: "2 active" }).waitFor();
  await until("mended");
  await letters().getByRole("button", { name: "Read again" }).click();
  return reason;
}

/** Does something with the view that is chosen. */
async function act(name) {
  await panel().getByRole("button", { name: `${name} items` }).click();
  await dialog().getByRole("button", { name, exact: true }).click();
}

/** Asks for a change beside the page, and waits for the item that says that it was made. */
async function until(name) {
  print({ wanted: name });
  const count = async () => (await ask(`{ items(filter: { name: { eq: "${name}" } }) { totalCount } }`)).items.totalCount;
  while (!(await count())) await page.waitForTimeout(50);
}

function panel() {
  return page.getByRole("region", { name: /items/ }).filter({ has: page.getByRole("link", { name: /^Close/ }) });
}

function letters() {
  return page.getByRole("region", { name: "Dead letters of items" });
}

function dialog() {
  return page.getByRole("dialog");
}

async function ask(query) {
  return (await (await page.request.post(`${base}/graphql`, { data: { query } })).json()).data;
}

/** Runs the operation that a link opens in GraphiQL; returns its data. */
async function run(link) {
  const { query, variables } = Object.fromEntries(new URLSearchParams(new URL(link).hash.slice(1)));
  const data = { query, variables: JSON.parse(variables) };
  const response = await page.request.post(`${base}/graphql`, { data });
  return (await response.json()).data;
}

/** Notes what axe finds. */
async function look(name) {
  seen.violations[name] = await violationsInBoth(page);
}

function print(line) {
  console.log(JSON.stringify(line));
}
