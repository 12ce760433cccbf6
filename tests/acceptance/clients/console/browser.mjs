// A browser with pages of the console in it, for the programs beside this file. Those with a plan read it as JSON from
// their standard input; each prints what it saw as JSON. Usage of each: node PROGRAM CHROMIUM
import { text } from "node:stream/consumers";

import { chromium } from "playwright-core";

export async function readPlan() {
  return JSON.parse(await text(process.stdin));
}

/** Starts a browser and opens a page in it. What goes wrong in any of its pages is added to `problems`. */
export async function openBrowser() {
  const [executablePath] = process.argv.slice(2);
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
  const problems = [];
  return { browser, problems, page: await openPage(browser, problems) };
}

/** Opens a page that shares nothing with other pages. With a token it is signed in, as after its dialog. */
export async function openPage(browser, problems, { token } = {}) {
  const screen = { viewport: { width: 1280, height: 860 }, reducedMotion: "reduce", timezoneId: "UTC" };
  const context = await browser.newContext(screen);
  // Long enough for a machine that does much else.
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  page.on("pageerror", (error) => problems.push(error.message));
  page.on("console", (message) => {
    if (message.text().includes("Content Security Policy")) problems.push(message.text());
  });
  if (token) await page.addInitScript((text) => sessionStorage.setItem("nerve.token", text), token);
  return page;
}

/** Goes to another page of the console that is open, as a click on a link does. */
export async function goTo(page, link) {
  await page.evaluate((hash) => {
    location.hash = hash;
  }, link);
}

/** Waits until nothing on the page is being read. */
export async function settle(page) {
  await page.waitForFunction(() => !document.querySelector("main [aria-busy=true], main .loading"));
}

/** Returns the link to a page of the console. */
export function linkTo(name, state = {}) {
  return `#/${name}?${new URLSearchParams(state)}`;
}
