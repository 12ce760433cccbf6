// Reads what the page of the console shows.

/** Gives the page the functions `shownJson` and `shownFacts`, which its policy for scripts would refuse later. */
export async function addReaders(page) {
  await page.addInitScript(`globalThis.shownJson = ${shownJson}; globalThis.shownFacts = ${shownFacts};`);
}

/** Opens everything in an element that is closed or cut. */
export async function openAll(element) {
  // What is opened may contain further parts that are closed.
  const closed = element.locator("details:not([open]) > summary, button.more");
  while (await closed.count()) await closed.first().click();
}

/** Returns the value that the page shows in an element, as text of JSON: numbers keep all of their digits. */
function shownJson(element) {
  return value(element);

  function value(holder) {
    const shown = holder.querySelector(":scope > details.json, :scope > bdi, :scope > a.id > bdi, :scope > span");
    if (shown.matches("details")) return members(shown);
    if (shown.matches("bdi")) return JSON.stringify(shown.textContent);
    if (shown.matches(".json-plain")) return shown.textContent;
    const none = { "not there": '{"absent": true}', "empty text": '""' };
    return none[shown.textContent] ?? shown.textContent;
  }

  function members(details) {
    const isList = details.querySelector("summary").textContent.startsWith("[");
    const entries = [...details.querySelectorAll(":scope > dl > div")].map((member) => {
      const name = JSON.stringify(member.querySelector(":scope > dt").textContent);
      const text = value(member.querySelector(":scope > dd"));
      return isList ? text : `${name}: ${text}`;
    });
    return isList ? `[${entries.join(", ")}]` : `{${entries.join(", ")}}`;
  }
}

/** Returns the facts in a list of terms; a time as its exact value. */
function shownFacts(list) {
  const facts = [...list.querySelectorAll("dt")].map((term) => {
    const fact = term.nextElementSibling;
    const shown = fact.querySelector("time")?.title ?? fact.querySelector("bdi")?.textContent ?? fact.textContent;
    return [term.textContent, shown];
  });
  return Object.fromEntries(facts);
}
