const OPERATIONS = import.meta.glob<string>("./operations/*.graphql", { query: "?raw", import: "default", eager: true });
const FRAGMENTS = import.meta.glob<string>("./fragments/*.graphql", { query: "?raw", import: "default", eager: true });

const fragments = new Map(Object.values(FRAGMENTS).map((text) => [/^fragment (\w+)/m.exec(text)?.[1], text]));

/** Returns the document of the operation in the file with this name, with the fragments that it uses. */
export function documentOf(name: string): string {
  const operation = OPERATIONS[`./operations/${name}.graphql`];
  if (operation === undefined) throw new Error(`there is no operation ${name}`);
  const names = new Set(spreads(operation));
  // The loop over a set also visits what is added to it meanwhile: fragments that other fragments use.
  for (const fragment of names) spreads(fragments.get(fragment) ?? "").forEach((inner) => names.add(inner));
  return [operation, ...[...names].map((fragment) => fragments.get(fragment) ?? "")].join("\n");
}

/** Returns the names of the fragments that a text uses. */
function spreads(text: string): string[] {
  return [...text.matchAll(/\.\.\.(?!\s*on\b)\s*(\w+)/g)].flatMap(([, name]) => name ?? []);
}
