// Visits entities at versions, and traces, and prints what the page shows of each.
import { goTo, linkTo, openBrowser, openPage, readPlan, settle } from "./browser.mjs";
import { addReaders, openAll } from "./shown-values.mjs";

const { base, token, visits } = await readPlan();
const { browser, problems } = await openBrowser();
const page = await openPage(browser, problems, { token });
const READERS = { entity: readEntity, trace: readTrace };
const shown = [];
await addReaders(page);
try {
  await page.goto(`${base}/console`);
  await page.getByRole("navigation", { name: "Pages" }).waitFor();
  for (const visit of visits) shown.push(await READERS[visit.page](visit));
} finally {
  await browser.close();
}
console.log(JSON.stringify({ shown, problems }));

/** Reads an entity at a version; a number inside a commit shows the version after it, `shows`. */
async function readEntity({ id, version, shows }) {
  await goTo(page, linkTo("entity", { id, version }));
  await page.locator("h1 bdi").getByText(id, { exact: true }).waitFor();
  await page.getByRole("heading", { name: `Version ${shows}`, exact: true }).waitFor();
  await settle(page);
  const closed = page.locator("details.aggregate:not([open]) > summary");
  if (await closed.count()) await closed.click();
  await page.locator("details.aggregate > .json").waitFor();
  await settle(page);
  const main = page.locator("main");
  await openAll(main);
  const list = page.getByRole("region", { name: "Versions", exact: true });
  return {
    row: await page.locator("table.fields tr").evaluateAll(namesAndValues),
    changes: await main.locator("section > .difference tbody tr").evaluateAll(changes),
    state: await main.locator("details.aggregate").evaluate((element) => shownJson(element)),
    facts: await main.locator("dl.facts").evaluate((element) => shownFacts(element)),
    events: await main.locator("div.event").evaluateAll(events),
    versions: await list.locator("tbody tr").evaluateAll(versions),
  };
}

async function readTrace({ id }) {
  await goTo(page, linkTo("trace", { id }));
  await page.locator("h1 bdi").getByText(id, { exact: true }).waitFor();
  await settle(page);
  const list = page.getByRole("list", { name: "Nodes of the trace" });
  const rows = new Map();
  const count = Number(await list.getByRole("listitem").first().getAttribute("aria-setsize"));
  while (rows.size < count) {
    for (const row of await list.getByRole("listitem").evaluateAll(traceRows)) rows.set(row.place, row);
    await list.evaluate((element) => element.scrollBy(0, element.clientHeight / 2));
    await page.evaluate(() => new Promise(requestAnimationFrame));
  }
  return [...rows.values()].sort((first, second) => first.place - second.place);
}

// The functions below run in the page.

function namesAndValues(rows) {
  return rows.map((row) => [row.querySelector("th").textContent, shownJson(row.querySelector("td"))]);
}

function changes(rows) {
  return rows.map(({ cells: [path, before, after] }) => [path.textContent, shownJson(before), shownJson(after)]);
}

function events(elements) {
  return elements.map((element) => [element.querySelector("h3 bdi").textContent, shownJson(element)]);
}

function versions(rows) {
  return rows.map(({ cells: [version, types, time, actor] }) => ({
    version: version.textContent,
    types: types.textContent,
    time: time.querySelector("time").title,
    actor: actor.textContent,
  }));
}

function traceRows(rows) {
  return rows.map((row) => ({
    place: Number(row.getAttribute("aria-posinset")),
    depth: Number.parseInt(row.querySelector(".cause").style.paddingInlineStart || "0") / 18,
    kind: row.querySelector(".badge").textContent,
    name: row.querySelector(".name").textContent,
    stream: row.querySelector("a.id bdi").textContent,
    version: row.querySelector("a.id .quiet")?.textContent ?? null,
    actor: row.querySelector(".actor").textContent,
    time: row.querySelector("time").title,
  }));
}
