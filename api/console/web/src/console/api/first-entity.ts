import type { HttpApi, Operation } from "./http";
import type { ApiSchema, TypeReference } from "./schema";
import { namedType } from "./schema";

/** A mutation that creates an entity, with variables that it accepts. */
export type FirstEntity = { mutation: string; operation: Operation<unknown, unknown>; variables: object };

type InputField = { name: string; type: TypeReference; defaultValue: string | null };
type InputType = { inputFields: InputField[] } | null;

/** How names of mutations begin that may create an entity; the example that nerve brings comes first. */
const CREATING = /^(create|register|start|open|add|write|place)[A-Z]/;
const PREFERRED = "createTask";
/** Mutations whose input is read. */
const MOST = 8;

const TYPE = "type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";

const EXAMPLES: Record<string, unknown> = {
  String: "The first one",
  Int: 1,
  Float: 1,
  Boolean: true,
  JSON: {},
};

/** Returns a mutation with which the caller can create the first entity; undefined if none is simple enough. */
export async function findFirstEntity(http: HttpApi, schema: ApiSchema): Promise<FirstEntity | undefined> {
  const names = schema
    .mutationNames()
    .filter((name) => CREATING.test(name))
    .sort((one, other) => Number(other === PREFERRED) - Number(one === PREFERRED))
    .slice(0, MOST);
  if (!names.length) return undefined;
  const selections = names.map(
    (name) => `${name}: __type(name: "${inputName(name)}") { inputFields { name defaultValue ${TYPE} } }`,
  );
  const { data } = await http.run<Record<string, InputType>, object>(
    { text: `query FirstEntity { ${selections.join(" ")} }` },
    {},
  );
  for (const name of names) {
    const input = exampleOf(data?.[name]?.inputFields);
    if (input) return { mutation: name, operation: { text: mutationText(name) }, variables: { input } };
  }
  return undefined;
}

/** Returns an example of an input that creates; undefined if it names something that has to exist, or is no such input. */
function exampleOf(fields: InputField[] | undefined): object | undefined {
  // A command that changes an entity requires its id.
  const needed = fields?.filter(({ type, defaultValue }) => type.kind === "NON_NULL" && defaultValue === null);
  const hasOptionalId = fields?.some(({ name, type }) => name === "id" && type.kind !== "NON_NULL");
  if (!needed || !hasOptionalId) return undefined;
  const values = needed.map(({ name, type }) => [name, EXAMPLES[namedType(type)]] as const);
  return values.every(([, value]) => value !== undefined) ? Object.fromEntries(values) : undefined;
}

function inputName(mutation: string): string {
  return `${mutation[0]!.toUpperCase()}${mutation.slice(1)}Input`;
}

function mutationText(mutation: string): string {
  return `mutation ($input: ${inputName(mutation)}!) {
  ${mutation}(input: $input) {
    receipt {
      stream
      version
      position
    }
  }
}`;
}
