// Violations of accessibility by axe, as texts.
import axe from "axe-core";

/** Returns what axe finds in the page, in light or dark colours as they are. */
export async function violations(page, rules = undefined) {
  // The policy of the page allows no script but its own; DevTools run this one.
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe.source);
  const options = { resultTypes: ["violations"], ...(rules && { runOnly: rules }) };
  const { violations } = await page.evaluate((chosen) => globalThis.axe.run(chosen), options);
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(" | ")}`);
}

/** Returns what axe finds in the page in light colours, and about its colours also in the dark. */
export async function violationsInBoth(page) {
  const inLight = await violations(page);
  await page.emulateMedia({ colorScheme: "dark" });
  const inDark = await violations(page, ["color-contrast"]);
  await page.emulateMedia({ colorScheme: "light" });
  return [...inLight, ...inDark.map((text) => `in the dark: ${text}`)];
}
