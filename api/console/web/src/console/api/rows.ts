import type { HttpApi, Operation } from "./http";
import { namedType, type TypeReference, type ViewQuery } from "./schema";

/** A row of a view, by the names of its fields. */
export type Row = Record<string, unknown>;

/** A point in the past: a position, or now if it is undefined. */
export type Point = { position: string } | undefined;

type Field = { name: string; type: TypeReference; args: { name: string }[] };
type Described = { fields: Field[] | null; interfaces: { name: string }[] | null };
type Description = { __type: Described | null };

export type RowStates = { now: Row | null; before?: Row | null };
/** A row with the names of its fields that may have personal data. */
export type MarkedRow = Row & { _meta: { personalFields: string[] } };
export type RowVariables = { id: string; now?: Point; before?: Point };

const DescribeType: Operation<Description, { name: string }> = {
  text: `query DescribeType($name: String!) {
    __type(name: $name) {
      interfaces { name }
      fields { name args { name } type { kind name ofType { kind name ofType { kind name ofType { kind name } } } } }
    }
  }`,
};

const LEAVES = new Set(["SCALAR", "ENUM"]);
/** How deep the objects inside a row are read. */
const DEPTH = 3;

/** Makes queries of rows, whose fields it reads from the schema: they differ between deployments and callers. */
export class RowQueries {
  private readonly types = new Map<string, Promise<Described | null>>();

  constructor(private readonly http: HttpApi) {}

  /** Returns the query of a row at one point or two, with all its fields except links to other rows. */
  async compare(view: ViewQuery, isCompared: boolean): Promise<Operation<RowStates, RowVariables>> {
    const fields = await this.selectionOf(view.typeName, DEPTH);
    const before = isCompared ? `before: ${view.singular}(id: $id, asOf: $before) ${fields}` : "";
    const variables = isCompared ? "$id: ID!, $now: AsOf, $before: AsOf" : "$id: ID!, $now: AsOf";
    return { text: `query Row(${variables}) { now: ${view.singular}(id: $id, asOf: $now) ${fields} ${before} }` };
  }

  /** Returns the query of a row at one point, with the names of its fields that may have personal data. */
  async withPersonalFields(view: ViewQuery): Promise<Operation<{ now: MarkedRow | null }, RowVariables>> {
    const fields = (await this.selectionOf(view.typeName, DEPTH)).replace(/}$/, "_meta { personalFields } }");
    return { text: `query Row($id: ID!, $now: AsOf) { now: ${view.singular}(id: $id, asOf: $now) ${fields} }` };
  }

  /** Whether a type has this field for the caller. */
  async hasField(typeName: string, name: string): Promise<boolean> {
    return (await this.describe(typeName))?.fields?.some((field) => field.name === name) ?? false;
  }

  /** Returns the field of a row that says best what it is, for lists of results; undefined if it has none. */
  async titleField(typeName: string): Promise<string | undefined> {
    const names = new Set((await this.describe(typeName))?.fields?.map(({ name }) => name));
    return ["title", "name", "subject", "kind"].find((name) => names.has(name));
  }

  private async selectionOf(typeName: string, depth: number): Promise<string> {
    const described = await this.describe(typeName);
    const fields = (described?.fields ?? []).filter(({ args, name }) => !args.length && name !== "_meta");
    const parts = await Promise.all(fields.map((field) => this.fieldSelection(field, depth)));
    return `{ ${parts.filter(Boolean).join(" ") || "__typename"} }`;
  }

  private async fieldSelection({ name, type }: Field, depth: number): Promise<string> {
    const typeName = namedType(type);
    if (LEAVES.has(kindOf(type))) return name;
    if (depth === 0 || (await this.isLink(typeName))) return "";
    return `${name} ${await this.selectionOf(typeName, depth - 1)}`;
  }

  /** Whether a type is that of other rows, which have pages of their own. */
  private async isLink(typeName: string): Promise<boolean> {
    const interfaces = (await this.describe(typeName))?.interfaces ?? [];
    return typeName.endsWith("Connection") || interfaces.some(({ name }) => name === "Node");
  }

  private describe(name: string): Promise<Described | null> {
    let described = this.types.get(name);
    if (!described) {
      described = this.http.run(DescribeType, { name }).then(({ data }) => {
        // What could not be read is asked for again.
        if (!data) this.types.delete(name);
        return data?.__type ?? null;
      });
      this.types.set(name, described);
    }
    return described;
  }
}

function kindOf(type: TypeReference): string {
  return type.ofType ? kindOf(type.ofType) : type.kind;
}
