// Creates the first entity with the operation that the empty log offers, finds the view that is behind and why, and waits
// until a worker has mended it; then looks at the map of the contexts and keeps a filter. Prints what it saw as JSON: a
// line once a worker may be started, and one at the end. The plan has `base`, and a `folder` for screenshots.
import { violations } from "./accessibility.mjs";
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

  await page.getByRole("link", { name: "Health", exact: true }).click();
  const row = page.getByRole("row", { name: /^tasks 1 no worker/ });
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

/** Runs the operation that a link opens in GraphiQL; returns its data. */
async function run(link) {
  const { query, variables } = Object.fromEntries(new URLSearchParams(new URL(link).hash.slice(1)));
  const data = { query, variables: JSON.parse(variables) };
  const response = await page.request.post(`${base}/graphql`, { data });
  return (await response.json()).data;
}

/** Notes what axe finds in light and in dark colours. */
async function look(name) {
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    seen.violations[`${name}, ${colorScheme}`] = await violations(page);
  }
}

function print(line) {
  console.log(JSON.stringify(line));
}
