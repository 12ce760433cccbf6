// Opens a stream of 100,000 events, a trace of as many nodes, a run of as many spans, the tail of many events, and a
// row of a megabyte. Prints after each how many elements the page has, and how many milliseconds a click then takes.
import { goTo, linkTo, openBrowser } from "./browser.mjs";
import { startMadeUpNerve } from "./made-up-nerve.mjs";

const EVENTS = 100_000;
/** So many of them are in the tail. */
const TAIL = 8_000;
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
  AgentRun: ({ id }) => ({ agentRun: runOf(id) }),
  RunSpans: ({ after }) => ({ spans: spanPage(Number(after ?? 0)) }),
};
const subscriptions = {
  EventTail: (send, { filter, after }) => {
    if (after !== "0" || filter?.streams) return;
    for (const { version } of range(EVENTS - TAIL, TAIL).map(versionOf)) send({ events: eventOf(version) });
    send({ events: { __typename: "CaughtUp", position: "end" } });
  },
};

/** The page of runs is there for callers that have this query. */
const extensions = "extend type Query { agentRun: ID }";
const nerve = await startMadeUpNerve({ scalars, queries, subscriptions, extensions });
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

  await goTo(page, linkTo("runs", { id: "agentrun-large", show: "waterfall" }));
  await page.getByText(/^agentrun-large has more spans than the 20,000/).waitFor({ timeout: 60_000 });
  await page.locator(".span-row").first().waitFor();
  await measure("run");

  await goTo(page, linkTo("watch", { after: "0" }));
  await page.getByText("8,000 events received, the last 5,000 are kept").waitFor({ timeout: 60_000 });
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

function runOf(id) {
  const texts = ["errorType", "conversationId", "agentId", "taskId", "workflowId", "cost"];
  const lists = ["services", "providers", "models"];
  const counts = ["agentCalls", "modelCalls", "toolCalls", "errors", "inputTokens", "outputTokens"];
  return {
    ...{ id, traceId: "large", name: "large", state: "COMPLETED", agentName: "reader", correlationId: "large" },
    ...{ startedAt: TIME, endedAt: TIME, durationSeconds: 1, spans: EVENTS, _meta: { position: "1" } },
    ...Object.fromEntries(texts.map((name) => [name, null])),
    ...Object.fromEntries(lists.map((name) => [name, []])),
    ...Object.fromEntries(counts.map((name) => [name, 1])),
  };
}

function spanPage(after) {
  const nodes = range(after, 200).map((number) => ({
    ...{ id: `span-${number}`, spanId: `${number}`, parentId: number === 1 ? null : `${Math.floor(number / 2)}` },
    ...{ name: `chat ${number}`, kind: "CLIENT", operation: "chat", status: "OK", errorType: null, service: null },
    ...{ agentName: null, provider: null, requestModel: null, model: null, inputTokens: null, outputTokens: null },
    ...{ cost: null, finishReasons: [], toolName: null, toolCallId: null, attributes: {}, hasContent: false },
    ...{ startedAt: TIME, endedAt: TIME, durationSeconds: 1, startNano: `${number}` },
  }));
  return { nodes, pageInfo: { hasNextPage: after + 200 < EVENTS, endCursor: `${after + 200}` } };
}
