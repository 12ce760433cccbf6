// Follows the tail of the log while events are stored, and clicks. Prints the milliseconds to the first paint when the
// tail is live, and at the end what it has seen: rows with the place that the page gives them, interactions, memory.
import { openBrowser, readPlan } from "./browser.mjs";

/** Clicks between two that pause the tail. */
const BETWEEN_PAUSES = 8;
/** Samples without another event after which no more is waited for. */
const IDLE_SAMPLES = 100;

const { base, events } = await readPlan();
const { browser, page, problems } = await openBrowser();
const devtools = await page.context().newCDPSession(page);
await devtools.send("Performance.enable");
await page.addInitScript(observeInteractions);
const samples = [];
let memory = 0;
let clicks = 0;
try {
  await page.goto(`${base}/console#/watch`);
  await page.locator(".status.live").waitFor();
  console.log(JSON.stringify({ firstPaint: await page.evaluate(firstPaint) }));
  while (!isOver()) {
    samples.push(await page.evaluate(readTail));
    memory = Math.max(memory, await heap());
    await interact();
    await page.waitForTimeout(100);
  }
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 200)));
  const interactions = await page.evaluate(() => interactions);
  console.log(JSON.stringify({ samples, memory, clicks, interactions, problems }));
} finally {
  await browser.close();
}

/** Whether all events have arrived, or no more do. */
function isOver() {
  const received = samples.at(-1)?.received ?? 0;
  return received >= events || (samples.length > IDLE_SAMPLES && samples.at(-IDLE_SAMPLES).received === received);
}

async function interact() {
  if (clicks % BETWEEN_PAUSES === 0) await pause();
  await click(page.getByLabel("warning"));
  await click(page.getByRole("button", { name: /^Find any id/ }));
  await page.keyboard.press("Escape");
}

/** Pauses, looks at an event, and resumes: nothing may be left out. */
async function pause() {
  await click(page.getByRole("button", { name: "Pause" }));
  const link = page.getByRole("list", { name: /^Events/ }).getByRole("link").first();
  if (await link.count()) {
    await click(link);
    await page.getByRole("heading", { name: /^Data/ }).waitFor();
    await click(page.getByRole("button", { name: "close" }));
  }
  await click(page.getByRole("button", { name: "Resume" }));
}

async function click(element) {
  await element.click();
  clicks += 1;
}

/** Returns the bytes of the page's heap, garbage included. */
async function heap() {
  const { metrics } = await devtools.send("Performance.getMetrics");
  return metrics.find(({ name }) => name === "JSHeapUsedSize").value;
}

// The functions below run in the page.

/** Keeps what the browser measures of each interaction: milliseconds from the input to the next paint. */
function observeInteractions() {
  globalThis.interactions = [];
  const observer = new PerformanceObserver((list) => {
    for (const { name, duration, interactionId } of list.getEntries())
      if (interactionId) globalThis.interactions.push({ name, duration });
  });
  observer.observe({ type: "event", durationThreshold: 16, buffered: true });
}

function firstPaint() {
  return performance.getEntriesByName("first-contentful-paint")[0].startTime;
}

function readTail() {
  const received = document.querySelector(".tail-bar .quiet").textContent.replaceAll(",", "");
  const rows = [...document.querySelectorAll(".virtual [role=listitem]")].map((row) => {
    const [place, size] = ["aria-posinset", "aria-setsize"].map((name) => Number(row.getAttribute(name)));
    const link = row.querySelector(".type a").hash;
    return { fromEnd: size - place, id: new URLSearchParams(link.split("?")[1]).get("event") };
  });
  return { received: Number.parseInt(received), rows };
}
