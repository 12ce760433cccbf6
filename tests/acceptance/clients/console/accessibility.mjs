// Violations of accessibility by axe, as texts.
import axe from "axe-core";

/** Returns what axe finds in the page, in light or dark colours as they are. */
export async function violations(page, rules = undefined) {
  // The policy of the page allows no script but its own; DevTools run this one.
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate((only) => globalThis.axe.run(only ? { runOnly: only } : {}), rules);
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 200)).join(" | ")}`);
}
