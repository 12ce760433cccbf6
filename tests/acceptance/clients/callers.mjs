// Acts as a made-up caller in GraphiQL: picks it, runs a query and a subscription, and returns to no token.
// Prints what it saw as JSON. Usage: node callers.mjs CHROMIUM BASE_URL FOLDER_OF_SCREENSHOTS
import { chromium } from "playwright-core";

const [executablePath, base, folder] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
const page = await browser.newPage({ viewport: { width: 1280, height: 760 } });
page.setDefaultTimeout(20_000);
const seen = { inits: [], problems: [] };
page.on("pageerror", (error) => seen.problems.push(error.message));
page.on("websocket", (socket) =>
  socket.on("framesent", ({ payload }) => {
    const message = JSON.parse(payload);
    if (message.type === "connection_init") seen.inits.push(message.payload);
  }),
);

try {
  await page.goto(`${base}/graphiql`);
  await page.locator(".graphiql-query-editor .view-lines").filter({ hasText: /\w/ }).waitFor();
  const picker = page.getByRole("button", { name: "no token" });
  await picker.click();
  await page.getByLabel("Subject").fill("ada");
  await page.getByLabel("Roles").fill("administrator");
  await page.getByLabel("Claims").fill("no JSON");
  await submit();
  seen.refused = await page.locator("dialog [role=alert]").innerText();
  await page.getByLabel("Claims").fill('{"team": "red"}');
  await page.screenshot({ path: `${folder}/dialog.png` });
  await submit();
  await page.getByRole("button", { name: "as ada" }).waitFor();

  seen.created = await run("CreateTask", "task-");
  await page.screenshot({ path: `${folder}/acting.png` });
  await run("LiveTasks", "CaughtUp");
  await page.getByRole("button", { name: /^Stop query/ }).click();

  await page.getByRole("button", { name: "as ada" }).click();
  await page.getByRole("button", { name: "Without a token" }).click();
  await picker.waitFor();
  await run("ListTasks", "nodes");
} catch (cause) {
  await page.screenshot({ path: `${folder}/failed.png` });
  throw cause;
} finally {
  await browser.close();
}
console.log(JSON.stringify(seen));

async function submit() {
  await page.getByRole("button", { name: "Act as this caller" }).click();
}

async function run(tab, expected) {
  await page.getByRole("tab", { name: tab }).click();
  await page.locator(".graphiql-query-editor .view-lines").filter({ hasText: tab }).waitFor();
  await page.getByRole("button", { name: /^Execute query/ }).click();
  const response = page.locator(".graphiql-response .view-lines");
  await response.filter({ hasText: expected }).waitFor();
  return (await response.innerText()).replaceAll("\u00a0", " ");
}
