// Walks from a task to why it has its status, and from there to the request and back: by mouse alone, and by keyboard
// alone. Prints what it saw, and how often Tab was pressed.
import { openBrowser, readPlan } from "./browser.mjs";

const { base, task } = await readPlan();
const { browser, page, problems } = await openBrowser();
const seen = {};
let tabs = 0;
try {
  await page.goto(`${base}/console`);
  await page.getByRole("heading", { name: "What happened last" }).waitFor();
  seen.mouse = await walk(byMouse());
  seen.keyboard = await walk(byKeyboard());
} catch (cause) {
  console.error(page.url(), await page.locator("main").innerText());
  throw cause;
} finally {
  await browser.close();
}
console.log(JSON.stringify({ ...seen, tabs, problems }));

/** Finds the task, goes to the version in which it was started, asks why, and follows the reason to its trace. */
async function walk({ find, earlier, open }) {
  await find();
  await page.getByText("version 4 of 4 · now").waitFor();
  await field("COMPLETED").waitFor();
  await earlier();
  await field("STARTED").waitFor();
  await open("link", "why has status this value?");
  const why = page.getByRole("region", { name: /^Why has status/ });
  await why.getByText("which began with a request").waitFor();
  const reason = await why.innerText();
  const trace = await why.getByRole("link").last().innerText();
  await open("link", trace);
  await page.getByRole("heading", { name: trace }).waitFor();
  await open("link", new RegExp(`^${task}\\s*v3$`));
  await page.getByRole("heading", { name: "Version 3" }).waitFor();
  await field("STARTED").waitFor();
  return reason;
}

function byMouse() {
  return {
    find: () => page.getByRole("link", { name: new RegExp(`^${task}\\s*v4$`) }).first().click(),
    earlier: () => page.getByRole("button", { name: "← earlier" }).click(),
    open: (role, name) => page.getByRole(role, { name }).last().click(),
  };
}

function byKeyboard() {
  return {
    async find() {
      await page.keyboard.press("Control+k");
      await page.keyboard.type(task);
      await page.keyboard.press("Enter");
    },
    async earlier() {
      await tabTo("slider", "Version");
      await page.keyboard.press("ArrowLeft");
    },
    async open(role, name) {
      await tabTo(role, name);
      await page.keyboard.press("Enter");
    },
  };
}

/** Presses Tab until an element has the focus. */
async function tabTo(role, name) {
  const focused = page.getByRole(role, { name }).and(page.locator(":focus"));
  for (let pressed = 0; pressed < 60; pressed += 1) {
    if (await focused.count()) return;
    await page.keyboard.press("Tab");
    tabs += 1;
  }
  throw new Error(`60 times Tab did not lead to the ${role} ${name}`);
}

function field(value) {
  return page.getByRole("row", { name: new RegExp(`^status ${value}`) });
}
