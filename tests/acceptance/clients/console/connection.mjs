// Has the server gone for five minutes, in which the log goes on, and back again. Then has a server end a subscription
// at its first read. Prints what the pages show.
import { goTo, linkTo, openBrowser, openPage, readPlan } from "./browser.mjs";
import { startMadeUpNerve } from "./made-up-nerve.mjs";
import { openProxy } from "./proxy.mjs";

const { port, task } = await readPlan();
const proxy = await openProxy(port);
const { browser, page, problems } = await openBrowser();
const other = await openPage(browser, problems);
const seen = { away: {} };
const DATE = "2026-01-31T12:00:00.000Z";
const ABSENCE = /^Disconnected since/;
try {
  for (const each of [page, other]) await each.clock.install();
  await page.goto(`${proxy.base}/console${linkTo("watch", { streams: task })}`);
  await page.locator(".status.live").waitFor();
  await other.goto(`${proxy.base}/console${linkTo("entity", { id: task })}`);
  await other.getByText("version 3 of 3 · now").waitFor();

  proxy.leave();
  const since = await page.getByText(ABSENCE).innerText();
  await other.getByText(ABSENCE).waitFor();
  for (const each of [page, other]) await each.clock.fastForward("05:00");
  await mutate("completeTask", { id: task });
  seen.isSinceKept = since === (await page.getByText(ABSENCE).innerText());
  seen.away.watch = await shown(page);
  seen.away.entity = await shown(other);
  for (const name of ["", "processes", "health", "trace"]) {
    await goTo(other, linkTo(name, { id: "trace-1" }));
    await other.getByText("could not be reached").first().waitFor();
    seen.away[name] = await shown(other);
  }
  await goTo(other, linkTo("entity", { id: task }));

  proxy.comeBack();
  for (const each of [page, other]) await each.clock.fastForward("00:10");
  await page.locator(".status.live").waitFor();
  await page.getByText("4 events received").waitFor();
  seen.tail = await page.getByRole("list", { name: /^Events/ }).locator(".type").allInnerTexts();
  await other.getByText("version 4 of 4 · now").waitFor();
  seen.subscriptions = await endSubscriptions(await openPage(browser, problems));
} finally {
  await browser.close();
  proxy.stop();
}
console.log(JSON.stringify({ ...seen, problems }));

/** Has a server refuse a subscription twice; returns how often it was begun until nothing on the page is wrong. */
async function endSubscriptions(third) {
  let begun = 0;
  const ProcessTail = (send, _variables, fail) => {
    begun += 1;
    if (begun < 3) fail("the log cannot be read", "UNAVAILABLE");
    else send({ processes: { __typename: "CaughtUp", position: "end" } });
  };
  const scalars = { String: "text", ID: "id", Position: "end", Boolean: false, Int: 0, Int64: "0", DateTime: DATE, JSON: {} };
  const nerve = await startMadeUpNerve({ scalars, subscriptions: { ProcessTail } });
  await third.goto(`${nerve.base}/console${linkTo("processes")}`);
  const problem = third.getByText("the log cannot be read");
  await problem.waitFor();
  await problem.waitFor({ state: "detached" });
  nerve.stop();
  return begun;
}

/** Returns how many parts of a page are shown as live, and whether it says since when it is not. */
async function shown(each) {
  return { live: await each.locator(".live").count(), isSaid: await each.getByText(ABSENCE).isVisible() };
}

/** Sends a command to nerve itself. */
async function mutate(name, input) {
  const type = `${name[0].toUpperCase()}${name.slice(1)}Input`;
  const query = `mutation ($input: ${type}!) { ${name}(input: $input, await: PROJECTED) { receipt { version } } }`;
  const body = JSON.stringify({ query, variables: { input } });
  const headers = { "content-type": "application/json" };
  const response = await fetch(`http://127.0.0.1:${port}/graphql`, { method: "POST", headers, body });
  const { errors } = await response.json();
  if (errors) throw new Error(errors[0].message);
}
