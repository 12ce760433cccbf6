// Prints the TypeScript types that graphql-codegen makes of the schema and of the operations of cases.graphql.
import { codegen } from "@graphql-codegen/core";
import * as typescript from "@graphql-codegen/typescript";
import * as operations from "@graphql-codegen/typescript-operations";
import { parse } from "graphql";
import { cases, schemaText } from "./documents.mjs";

console.log(
  await codegen({
    filename: "types.ts",
    schema: parse(schemaText),
    documents: [{ document: cases }],
    config: { enumsAsTypes: true, strictScalars: true, scalars: { DateTime: "string", Duration: "string", Int64: "string", JSON: "unknown", Position: "string" } },
    plugins: [{ typescript: {} }, { operations: {} }],
    pluginMap: { typescript, operations },
  }),
);
