// The operations of cases.graphql, each with the fragments that it uses, and the schema of the repository.
import { readFileSync } from "node:fs";
import { parse, separateOperations } from "graphql";

const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");

export const cases = parse(read("cases.graphql"), { noLocation: true });
export const operations = separateOperations(cases);
export const schemaText = read("../../../../api/schema.graphql");
