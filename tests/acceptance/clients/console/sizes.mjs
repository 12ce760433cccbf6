// Opens a stream of 100,000 events, a trace of as many nodes, the tail of many of them, and a row of a megabyte. Prints after each how
// many elements the page has, and how many milliseconds a click then takes.
import { goTo, linkTo, openBrowser } from "./browser.mjs";
import { startMadeUpNerve } from "./made-up-nerve.mjs";

const EVENTS = 100_000;
/** So many of them are in the tail. */
const TAIL = 20_000;
const MEGABYTE = 1_000_000;
const TIME = "2026-01-31T12:00:00.000Z";
const LARGE = { text: "x".repeat(MEGABYTE), list: Array.from({ length: 20_000 }, (_, number) => ({ number })) };

const scalars = {
  String: "text",
  ID: "task-1",
  Position: "position",
  JSON: LARGE,
  DateTime: TIME,
  Duration: "PT1S",
  Int64: "3",
  Int: 1,
  Float: 1.5,
  Boolean: false,
};
const queries = {
  LatestEvent: () => ({ events: { nodes: [{ version: EVENTS, position: "end" }] } }),
  Versions: ({ after, first }) => ({ versions: range(after, first).map(versionOf) }),
  Trace: ({ after = "0" }) => ({ trace: tracePage(Number(after)) }),
};
const subscriptions = {
  EventTail: (send, { filter, after }) => {
    if (after !== "0" || filter?.streams) return;
    for (const { version } of range(EVENTS - TAIL, TAIL).map(versionOf)) send({ events: eventOf(version) });
    send({ events: { __typename: "CaughtUp", position: "end" } });
  },
};

const nerve = await startMadeUpNerve({ scalars, queries, subscriptions });
const { browser, page, problems } = await openBrowser();
const seen = [];
try {
  await page.goto(`${nerve.base}/console${linkTo("entity", { id: "task-1", version: 50_000 })}`);
  await page.getByText("version 50,000 of 100,000").waitFor();
  await measure("stream");
  await page.getByRole("slider", { name: "Version" }).press("End");
  await page.getByText("version 100,000 of 100,000 · now").waitFor();
  await page.getByRole("link", { name: "99,990".replace(",", ""), exact: true }).click();
  await page.getByRole("heading", { name: "Version 99990" }).waitFor();

  const row = page.getByRole("region", { name: /^State/ });
  await row.getByText("{ 2 }").first().waitFor();
  await measure("row");
  await row.getByRole("button", { name: "all 1,000,000 characters" }).first().click();
  await measure("whole text");

  await goTo(page, linkTo("trace", { id: "large" }));
  await page.getByText("the trace has more, which are not shown").waitFor();
  await measure("trace");

  await goTo(page, linkTo("watch", { after: "0" }));
  await page.getByText("20,000 events received, the last 5,000 are kept").waitFor({ timeout: 60_000 });
  await measure("tail");
} catch (cause) {
  console.error(JSON.stringify(seen), await page.locator("main").innerText());
  throw cause;
} finally {
  await browser.close();
  nerve.stop();
}
console.log(JSON.stringify({ seen, problems }));

/** Notes the number of elements, and the time that it takes to open and close the search box. */
async function measure(what) {
  const began = performance.now();
  await page.keyboard.press("Control+k");
  await page.getByRole("dialog", { name: "Find" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog", { name: "Find" }).waitFor({ state: "hidden" });
  const milliseconds = performance.now() - began;
  seen.push({ what, milliseconds, elements: await page.locator("*").count() });
}

function range(after, count) {
  return Array.from({ length: Math.min(count, EVENTS - after) }, (_, index) => after + index + 1);
}

function versionOf(version) {
  const commit = { time: TIME, recordedAt: TIME, actor: "ada", command: "Change", commandId: "c", correlationId: "t" };
  return { version, types: ["task.changed"], position: `${version}`, ...commit };
}

function eventOf(version) {
  const event = { id: `event-${version}`, type: "task.changed", stream: "task-1", severity: null };
  return { __typename: "Event", ...event, ...versionOf(version) };
}

function tracePage(after) {
  const nodes = range(after, 500).map((number) => ({
    nodeId: `${number}`,
    parentId: number === 1 ? null : `${Math.floor(number / 2)}`,
    kind: "EVENT",
    name: "task.changed",
    detail: null,
    stream: `task-${number % 100}`,
    version: number,
    eventId: `${number}`,
    commandId: "c",
    actor: "ada",
    at: TIME,
    secondsAfterParent: 0,
    position: `${number}`,
  }));
  return { nodes, truncated: after + 500 < EVENTS, position: `${after + 500}` };
}
