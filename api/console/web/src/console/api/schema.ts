import type { HttpApi, Operation } from "./http";
import type { Problem } from "./problems";

/** A type in an introspection: with its wrappers around it, at most three deep. */
export type TypeReference = { kind: string; name: string | null; ofType?: TypeReference | null };

type RootField = { name: string; type: TypeReference; args: { name: string }[] };
type Root = { fields: RootField[] } | null;
type Introspection = { __schema: { queryType: Root; mutationType: Root; subscriptionType: Root } };

const TYPE = "type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }";
const FIELDS = `fields { name ${TYPE} args { name } }`;

const RootFields: Operation<Introspection, object> = {
  text: `query RootFields {
    __schema { queryType { ${FIELDS} } mutationType { ${FIELDS} } subscriptionType { ${FIELDS} } }
  }`,
};

/** A view: the query of one row, its type, and the query of a list where it is searched by words. */
export type ViewQuery = { singular: string; typeName: string };

/**
 * The operations that exist for the caller, by the schema that the API shows to it. If introspection is turned off,
 * nothing is known: then every operation counts as existing, and the API refuses those that do not.
 */
export class ApiSchema {
  private readonly queries: Map<string, RootField>;
  private readonly mutations: Set<string>;
  private readonly subscriptions: Set<string>;

  constructor(private readonly introspection: Introspection | undefined) {
    const { queryType, mutationType, subscriptionType } = introspection?.__schema ?? {};
    this.queries = new Map((queryType?.fields ?? []).map((field) => [field.name, field]));
    this.mutations = new Set(mutationType?.fields.map(({ name }) => name));
    this.subscriptions = new Set(subscriptionType?.fields.map(({ name }) => name));
  }

  get isKnown(): boolean {
    return this.introspection !== undefined;
  }

  hasQuery(name: string): boolean {
    return !this.isKnown || this.queries.has(name);
  }

  hasMutation(name: string): boolean {
    return !this.isKnown || this.mutations.has(name);
  }

  mutationNames(): string[] {
    return [...this.mutations];
  }

  hasSubscription(name: string): boolean {
    return !this.isKnown || this.subscriptions.has(name);
  }

  /** Returns the view whose row has this id, `task-01J…` or `Meter:cpu`; undefined if the caller sees none. */
  viewOf(id: string): ViewQuery | undefined {
    const typeName = /^([A-Z]\w*):/.exec(id)?.[1];
    const category = id.split("-")[0]?.toLowerCase();
    return this.views().find((view) =>
      typeName ? view.typeName === typeName : view.singular.toLowerCase() === category,
    );
  }

  views(): ViewQuery[] {
    return [...this.queries.values()]
      .filter(({ name }) => this.queries.has(`${name}History`))
      .map(({ name, type }) => ({ singular: name, typeName: namedType(type) }));
  }

  /** Returns the lists that can be searched by words, each with the type of its rows. */
  searchableLists(): { list: string; typeName: string }[] {
    return [...this.queries.values()]
      .filter(({ args }) => args.some(({ name }) => name === "search"))
      .map(({ name, type }) => ({ list: name, typeName: namedType(type).replace(/Connection$/, "") }));
  }
}

export async function readSchema(http: HttpApi): Promise<{ schema: ApiSchema; problems: Problem[] }> {
  const { data, problems } = await http.run(RootFields, {});
  return { schema: new ApiSchema(data), problems };
}

/** Returns the name of a type without its wrappers. */
export function namedType(type: TypeReference): string {
  return type.ofType ? namedType(type.ofType) : (type.name ?? "");
}
