// Operates a deployment by the console: processes that are stuck, dead letters, API keys, connections, alerts and
// webhooks. Prints what it saw as JSON. The plan has `base`, the `token` of an administrator of the deployment, a dead
// letter that is `dropped` meanwhile, and a `folder` for the screenshot of a failure.
import { createClient } from "graphql-ws";
import WebSocket from "ws";

import { violationsInBoth } from "./accessibility.mjs";
import { goTo, linkTo, openBrowser, openPage, readPlan } from "./browser.mjs";

const { base, token, dropped, folder } = await readPlan();
const { browser, problems } = await openBrowser();
const page = await openPage(browser, problems, { token });
const seen = { problems, violations: {} };

try {
  await page.goto(`${base}/console${linkTo("processes", { status: "STUCK" })}`);
  seen.steps = await retryByKeyboard();
  seen.question = await retryTheOther();
  seen.letters = await retryLetters();
  Object.assign(seen, await issueAndRevoke());
  Object.assign(seen, await endSocket());
  await acknowledge();
  seen.secrets = await createWebhook();
  await pauseWebhook();
  await checkSection("consumers", page.getByRole("heading", { name: "Workers" }));
  await checkSection("tenants", page.getByRole("button", { name: "Count what default has" }));
  await page.getByRole("button", { name: "Count what default has" }).click();
  await page.getByRole("row", { name: /kB Count/ }).waitFor();
} catch (cause) {
  await page.screenshot({ path: `${folder}/failed.png` });
  throw cause;
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));

/** Finds the step that a process is stuck on and retries it, without the mouse; returns the steps before and after. */
async function retryByKeyboard() {
  await press(page.getByRole("link", { name: /^Steps of repayment/ }).first());
  const panel = page.getByRole("region", { name: /^Steps of/ });
  await panel.getByText("stuck on").waitFor();
  const before = await panel.innerText();
  await check("processes");
  await press(page.locator("tr.selected").getByRole("button", { name: /^Retry/ }));
  await page.keyboard.type("the provider is back");
  await page.keyboard.press("Enter");
  await panel.getByText("completed", { exact: true }).waitFor();
  return { before, after: await panel.innerText() };
}

/** Retries the other one, chosen in the list, by mouse; returns the question. */
async function retryTheOther() {
  await goTo(page, linkTo("processes", { status: "STUCK" }));
  await page.getByLabel(/^choose repayment/).check();
  await page.getByRole("button", { name: "Retry chosen" }).click();
  const question = await dialog().innerText();
  await check("bulk");
  await dialog().getByLabel(/^Reason/).fill("the provider is back");
  await dialog().getByRole("button", { name: "Retry 1 process" }).click();
  await page.getByText("Retry: 1 of 1 done.").waitFor();
  await page.getByText("No process matches.").waitFor();
  return question;
}

/** Retries two dead letters, of which one was dropped meanwhile; returns what the page says of that one. */
async function retryLetters() {
  await goTo(page, "#/health");
  const letters = page.getByRole("region", { name: "Dead letters" });
  await letters.getByLabel(/^choose item/).nth(1).waitFor();
  await run("mutation ($input: DropDeadLetterInput!) { dropDeadLetter(input: $input) { receipt { version } } }", dropped);
  await letters.getByLabel("choose all that are listed").check();
  await check("letters");
  await letters.getByRole("button", { name: "Retry chosen" }).click();
  await dialog().getByRole("button", { name: "Retry 2 dead letters" }).click();
  await letters.getByText(/^Retry: 1 of 2 done/).waitFor();
  return letters.locator(".refusals").innerText();
}

/** Issues a key by keyboard, uses it, and revokes it by mouse. */
async function issueAndRevoke() {
  await goTo(page, linkTo("operate", { section: "keys" }));
  await press(page.getByRole("button", { name: "Issue a key" }));
  await page.keyboard.type("billing");
  await page.keyboard.press("Tab");
  await page.keyboard.type("clerk");
  await page.keyboard.press("Enter");
  const key = (await dialog().locator(".secret bdi").getAttribute("title")).trim();
  await press(dialog().getByRole("button", { name: "I have it" }));
  const row = page.getByRole("row", { name: /billing/ });
  await row.waitFor();
  const isForgotten = !(await page.content()).includes(key);
  const before = await statusOf(key);
  const links = await linksFor(key);
  await check("keys");
  await row.getByRole("button", { name: "Revoke billing" }).click();
  await dialog().getByLabel(/^Reason/).fill("leaked");
  await dialog().getByRole("button", { name: "Revoke" }).click();
  await row.waitFor({ state: "detached" });
  return { isForgotten, links, statuses: [before, await statusOf(key)] };
}

/** Returns the pages that exist for the holder of a key without rights, who follows a link to this one. */
async function linksFor(key) {
  const other = await openPage(browser, problems, { token: key });
  await other.goto(`${base}/console${linkTo("operate", { section: "keys" })}`);
  await other.getByText("You may not see anything that this page shows.").waitFor();
  const links = await other.getByRole("navigation", { name: "Pages" }).innerText();
  await other.context().close();
  return links;
}

/** Ends the socket of a client, by keyboard; returns what the page showed of it, and how it was closed. */
async function endSocket() {
  const closed = new Promise((resolve) => {
    const client = createClient({
      url: `${base.replace("http", "ws")}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: { authorization: `Bearer ${token}` },
      retryAttempts: 0,
      on: { closed: ({ code, reason }) => resolve([code, String(reason)]) },
    });
    const query = "subscription Victim { events { __typename } }";
    client.subscribe({ query }, { next() {}, error() {}, complete() {} });
  });
  await goTo(page, linkTo("operate", { section: "connections" }));
  const row = page.locator("tr", { hasText: "Victim" });
  await press(row.locator("summary"));
  const connection = await row.innerText();
  await check("connections");
  await press(row.getByRole("button", { name: /^End/ }));
  await page.keyboard.type("it is in the way");
  await page.keyboard.press("Enter");
  const closing = await closed;
  await row.waitFor({ state: "detached" });
  return { connection, closing };
}

/** Acknowledges an alert, by keyboard. */
async function acknowledge() {
  await goTo(page, linkTo("operate", { section: "alerts" }));
  const row = page.getByRole("row", { name: /backup:nightly/ });
  await press(row.getByRole("button", { name: /^Acknowledge/ }));
  await page.keyboard.type("I free some space");
  await page.keyboard.press("Enter");
  await row.getByText("I free some space").waitFor();
  await check("alerts");
}

/** Creates a webhook and gives it another secret; returns both secrets. */
async function createWebhook() {
  await goTo(page, linkTo("operate", { section: "webhooks" }));
  await page.getByRole("button", { name: "Create a webhook" }).click();
  await dialog().getByLabel(/^Name/).fill("audit");
  await dialog().getByLabel("Address").fill("https://audit.example/events");
  await dialog().getByLabel(/^Only these types/).fill("task.completed, task.failed");
  await check("new webhook");
  await dialog().getByRole("button", { name: "Create" }).click();
  const created = await takeSecret();
  await page.getByRole("row", { name: /audit/ }).getByRole("button", { name: /^Rotate/ }).click();
  await dialog().getByLabel(/^The old secret/).selectOption("for an hour");
  await dialog().getByRole("button", { name: "Rotate" }).click();
  return [created, await takeSecret()];
}

/** Returns the secret that a dialog shows, and closes it. */
async function takeSecret() {
  const button = dialog().getByRole("button", { name: "I have it" });
  await button.waitFor();
  const secret = await dialog().locator(".secret .line").innerText();
  await button.click();
  await dialog().waitFor({ state: "detached" });
  return secret;
}

/** Pauses a webhook, by mouse. */
async function pauseWebhook() {
  const row = page.getByRole("row", { name: /shop/ });
  await row.getByRole("link", { name: /^Deliveries/ }).click();
  await page.getByRole("heading", { name: "Dead letters" }).waitFor();
  await row.getByRole("button", { name: /^Pause/ }).click();
  await dialog().getByLabel(/^Reason/).fill("the shop is being moved");
  await dialog().getByRole("button", { name: "Pause" }).click();
  await row.getByText("the shop is being moved").waitFor();
  await check("webhooks");
}

/** Opens a section of “Operate”, and checks it when it shows this. */
async function checkSection(section, shown) {
  await goTo(page, linkTo("operate", { section }));
  await shown.waitFor();
  await check(section);
}

/** Looks for violations of accessibility. */
async function check(name) {
  seen.violations[name] = await violationsInBoth(page);
}

function dialog() {
  return page.getByRole("dialog");
}

/** Activates a control as somebody does who has no mouse. */
async function press(control) {
  await control.focus();
  await page.keyboard.press("Enter");
}

async function statusOf(key) {
  return (await post(key, { query: "{ __typename }" })).status();
}

async function run(query, input) {
  const { errors } = await (await post(token, { query, variables: { input } })).json();
  if (errors) throw new Error(errors[0].message);
}

function post(credential, data) {
  return page.request.post(`${base}/graphql`, { data, headers: { authorization: `Bearer ${credential}` } });
}
