// Opens each page of the console with markup and text that reorders its surroundings in every field, on a wide screen
// and on a phone. Prints for each page what is wrong about it, by the kind of check.
import { violationsInBoth } from "./accessibility.mjs";
import { goTo, linkTo, openBrowser, settle } from "./browser.mjs";
import { startMadeUpNerve } from "./made-up-nerve.mjs";

const TEXT = "<img src=x onerror=\"document.title='run'\"><b>bold</b> \u202egnihtyreve\u2066\u0007 " + "W".repeat(120);
const LONG_NAME = `task-${"n".repeat(495)}`;

let number = 0;
const scalars = {
  String: TEXT,
  ID: () => `${TEXT}${(number += 1)}`,
  Position: () => `position ${(number += 1)}`,
  JSON: { [TEXT]: [TEXT, { inside: TEXT }] },
  DateTime: "2026-01-31T12:00:00.000Z",
  Duration: "PT1S",
  Int64: "3",
  Int: 2,
  Float: 1.5,
  Boolean: false,
};

const roots = { node: ({ id }) => ({ __typename: id === "event" ? "Event" : "Task" }) };
const nerve = await startMadeUpNerve({ scalars, roots });
const { browser, page, problems } = await openBrowser();
const findings = [];
try {
  await page.goto(`${nerve.base}/console`);
  const navigation = page.getByRole("navigation", { name: "Pages" });
  const links = await navigation.locator("a[href^='#']").evaluateAll((all) => all.map((link) => link.hash || "#/"));
  const details = [
    linkTo("entity", { id: LONG_NAME }),
    linkTo("entity", { id: "task-1", version: 2, why: "status" }),
    linkTo("entity", { id: TEXT }),
    linkTo("trace", { id: TEXT }),
    linkTo("trace", { id: TEXT, show: "timeline" }),
    linkTo("watch", { event: "event", types: TEXT }),
  ];
  const sections = ["webhooks", "keys", "consumers", "connections", "tenants"];
  const operate = sections.map((section) => linkTo("operate", { section }));
  for (const link of [...links, ...operate, ...details]) await inspect(link);
  await inspectFindings();
} finally {
  await browser.close();
  nerve.stop();
}
console.log(JSON.stringify({ findings, problems }));

async function inspect(link) {
  await goTo(page, link);
  await settle(page);
  await check(link);
}

/** Searches for words, which leads to a list of rows. */
async function inspectFindings() {
  await page.keyboard.press("Control+k");
  await page.keyboard.type("words");
  await page.keyboard.press("Enter");
  await page.locator(".matches li").first().waitFor();
  await check("find");
  await page.keyboard.press("Escape");
}

async function check(link) {
  const wrongs = await page.evaluate(wrongsOfPage);
  for (const width of [390, 1280]) {
    await page.setViewportSize({ width, height: 860 });
    wrongs.push(...(await page.evaluate(widerThanTheScreen)));
  }
  wrongs.push(...(await violationsInBoth(page)));
  findings.push(...wrongs.map((wrong) => `${link.slice(0, 40)}: ${wrong}`));
}

// The functions below run in the page.

/** Returns the elements that make the page wider than the screen. */
function widerThanTheScreen() {
  if (document.documentElement.scrollWidth <= innerWidth) return [];
  const isOutside = (element) => element.getBoundingClientRect().right > innerWidth;
  const wide = [...document.querySelectorAll("body *")].filter((element) => isOutside(element) && !element.closest(".scroll"));
  return wide.slice(0, 3).map(({ outerHTML }) => `${innerWidth} pixels: wider than the screen: ${outerHTML.slice(0, 120)}`);
}

function wrongsOfPage() {
  const hidden = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/;
  const wrongs = [];
  for (const element of document.querySelectorAll("main :is(img, script, iframe, b), dialog :is(img, b)"))
    wrongs.push(`markup became the element ${element.localName}`);
  for (const element of document.body.querySelectorAll("*"))
    for (const name of ["title", "aria-label", "alt", "placeholder"])
      if (hidden.test(element.getAttribute(name) ?? "")) wrongs.push(`${name} of ${element.localName} reorders text`);
  const at = document.body.innerText.search(hidden);
  if (at >= 0) wrongs.push(`text reorders its surroundings: ${document.body.innerText.slice(Math.max(0, at - 40), at)}`);
  if (hidden.test(document.title)) wrongs.push("the title of the page reorders text");
  return wrongs;
}
