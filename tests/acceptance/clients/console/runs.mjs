// Explains a run of an agent by the console: by mouse from the list to what it did and cost, by keyboard to the span
// that failed, then compared with another run, exported, and after the erasure of the person it was about. Prints what
// it saw as JSON. The plan has `base`, the ids `run`, `other`, `task`, `document` and `process`, the `subject` to erase,
// and a `folder` for screenshots.
import { readFile } from "node:fs/promises";

import { violations } from "./accessibility.mjs";
import { goTo, linkTo, openBrowser, readPlan } from "./browser.mjs";

const { base, run, other, task, document, process: instance, subject, folder } = await readPlan();
const { browser, page, problems } = await openBrowser();
const seen = { problems, violations: [] };

try {
  await page.goto(`${base}/console`);
  await explainByMouse();
  await explainByKeyboard();
  await compare();
  seen.run = await exports(linkTo("runs", { id: run }));
  seen.task = await exports(linkTo("entity", { id: task }));
  seen.document = await exports(linkTo("entity", { id: document }));
  seen.process = await exports(linkTo("entity", { id: instance }));
  seen.trace = await exports(linkTo("trace", { id: run.replace("agentrun-", "") }));
  await erase();
} catch (cause) {
  await page.screenshot({ path: `${folder}/failed.png` });
  throw cause;
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));

/** What did this agent do in this run, and what did it cost? */
async function explainByMouse() {
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Runs" }).click();
  await page.getByRole("textbox", { name: "Agent" }).fill("support");
  await page.getByRole("button", { name: "Apply" }).click();
  await page.getByRole("row", { name: /COMPLETED|completed/ }).first().waitFor();
  seen.filtered = new URL(page.url()).hash;
  seen.list = await page.locator("table.runs tbody tr").allInnerTexts();
  await inspect("runs");
  seen.violations.push(...(await page.locator(".scroll:has(> table.runs)").evaluateAll(findExcess)));
  await page.getByRole("row").filter({ hasText: "failed" }).getByRole("link").first().click();
  const transcript = page.getByRole("region", { name: "Transcript" });
  await transcript.getByText("I refund it now").waitFor();
  seen.facts = await page.getByRole("region", { name: "Facts of the run" }).innerText();
  seen.steps = await transcript.locator("li.step").allInnerTexts();
  await inspect("transcript");
  await page.getByRole("link", { name: "Runs", exact: true }).click();
  await page.getByRole("link", { name: "Totals by day" }).click();
  await page.getByRole("link", { name: "gpt-4.1" }).first().click();
  await page.waitForFunction(() => document.querySelectorAll("table.runs tbody tr").length === 1);
  seen.days = await page.locator("table.runs tbody tr").allInnerTexts();
  await inspect("days");
}

/** From the id of the run to the span that failed. */
async function explainByKeyboard() {
  await page.keyboard.press("Control+k");
  await page.keyboard.type(run);
  await page.keyboard.press("Enter");
  await focusOn(page.getByRole("link", { name: /^run of an agent/ }));
  await page.keyboard.press("Enter");
  await focusOn(page.getByRole("link", { name: "Waterfall" }));
  await page.keyboard.press("Enter");
  await focusOn(page.getByRole("link", { name: /^execute_tool refund.*failed/ }));
  await page.keyboard.press("Enter");
  const panel = page.getByRole("region", { name: "execute_tool refund" });
  await panel.getByText("the account is closed").waitFor();
  seen.panel = await panel.innerText();
  seen.bars = await page.locator(".span-row").evaluateAll((rows) =>
    rows.map((row) => ({
      name: row.querySelector("a").getAttribute("aria-label"),
      left: row.querySelector(".bar").getBoundingClientRect().left,
      right: row.querySelector(".bar").getBoundingClientRect().right,
    })),
  );
  await inspect("waterfall");
}

async function compare() {
  await goTo(page, `#/runs/${run}`);
  await page.getByLabel("Compare with").selectOption(other);
  await page.getByRole("heading", { name: "Steps" }).waitFor();
  seen.compared = new URL(page.url()).hash;
  seen.figures = await page.getByRole("region", { name: "Totals" }).getByRole("row").allInnerTexts();
  seen.tools = await page.getByRole("region", { name: "Tools" }).getByRole("row").allInnerTexts();
  seen.differing = await page.getByRole("region", { name: "Steps" }).locator("p").innerText();
  await inspect("comparison");
}

/** Saves what a page shows in both formats; returns the texts of the files. */
async function exports(link) {
  await goTo(page, link);
  const files = {};
  for (const format of ["JSON", "Markdown"]) {
    const saved = page.waitForEvent("download");
    await page.getByRole("button", { name: `Export as ${format}` }).click();
    const download = await saved;
    files[format] = await readFile(await download.path(), "utf8");
    files[`name of ${format}`] = download.suggestedFilename();
  }
  return files;
}

/** The page that is open shows that the content is gone. */
async function erase() {
  await goTo(page, linkTo("runs", { id: run }));
  await page.getByText("I refund it now").waitFor();
  const query = `mutation Erase($input: EraseSubjectInput!) {
    eraseSubject(input: $input, await: PROJECTED) { receipt { position } } }`;
  const data = { query, variables: { input: { subject } } };
  const response = await page.request.post(`${base}/graphql`, { data });
  const { errors } = await response.json();
  if (errors) throw new Error(errors[0].message);
  await page.waitForFunction(() => document.querySelectorAll("li.step .content-erased").length === 5);
  seen.erased = await page.locator("li.step").allInnerTexts();
}

/** Presses Tab until the element has the focus. */
async function focusOn(element) {
  await element.first().waitFor();
  for (let presses = 0; presses < 60; presses += 1) {
    if (await element.first().evaluate((each) => each === globalThis.document.activeElement)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error("the element is not reached by the keyboard");
}

/** Returns how much wider tables are than their page. */
function findExcess(scrolls) {
  const excess = scrolls.map(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth).filter((pixels) => pixels > 0);
  return excess.map((pixels) => `the table of runs is ${pixels} pixels too wide`);
}

/** Looks for violations of accessibility, on a wide screen and on a phone. */
async function inspect(name) {
  await page.screenshot({ path: `${folder}/${name}.png` });
  seen.violations.push(...(await violations(page)).map((violation) => `${name}: ${violation}`));
  await page.setViewportSize({ width: 390, height: 860 });
  const excess = await page.evaluate(() => globalThis.document.documentElement.scrollWidth - innerWidth);
  if (excess > 0) seen.violations.push(`${name}: ${excess} pixels wider than a phone`);
  await page.setViewportSize({ width: 1280, height: 860 });
}
