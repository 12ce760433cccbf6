// Opens for each caller each page of the navigation, and entities, traces and events of the tail by their ids. Searches
// for some. Prints the text of each page.
import { goTo, linkTo, openBrowser, openPage, readPlan, settle } from "./browser.mjs";

const { base, callers } = await readPlan();
const { browser, problems } = await openBrowser();
const screens = {};
try {
  for (const { token, details, searches } of callers) {
    const page = await openPage(browser, problems, { token });
    screens[token] = await screensOf(page, details, searches);
    await page.context().close();
  }
} finally {
  await browser.close();
}
console.log(JSON.stringify({ screens, problems }));

async function screensOf(page, details, searches) {
  await page.goto(`${base}/console`);
  const links = page.getByRole("navigation", { name: "Pages" }).locator("a[href^='#']");
  await links.first().waitFor();
  const texts = {};
  for (const link of await links.evaluateAll((all) => all.map(({ hash }) => hash || "#/")))
    texts[link] = await read(page, link);
  for (const [name, id] of details)
    texts[`${name} ${id}`] = await read(page, linkTo(name, name === "watch" ? { event: id, streams: id } : { id }));
  for (const id of searches) texts[`find ${id}`] = await find(page, id);
  return texts;
}

async function read(page, link) {
  await leave(page);
  await goTo(page, link);
  await page.getByRole("heading", { name: "There is no such page" }).waitFor({ state: "detached" });
  await settle(page);
  await page.waitForFunction(() => !/Reading|catching up/.test(document.querySelector("main").innerText));
  return textOf(page);
}

/** Searches for an id that leads nowhere; returns what the box says. */
async function find(page, id) {
  await leave(page);
  await page.keyboard.press("Control+k");
  await page.keyboard.type(id);
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Find" });
  await dialog.getByText(/^Nothing that you may see/).or(dialog.getByRole("listitem")).first().waitFor();
  const text = await dialog.innerText();
  await page.keyboard.press("Escape");
  return text;
}

/** Leaves a page, so that nothing of it is taken for a part of the next one. */
async function leave(page) {
  await goTo(page, "#/none");
  await page.getByRole("heading", { name: "There is no such page" }).waitFor();
}

/** Returns the text of the page, with that of its attributes, and its title. */
async function textOf(page) {
  return page.evaluate(() => {
    const attributes = [...document.querySelectorAll("main *")].flatMap((element) =>
      ["title", "aria-label"].map((name) => element.getAttribute(name)),
    );
    return [document.title, document.querySelector("main").innerText, ...attributes.filter(Boolean)].join("\n");
  });
}
