// A made-up nerve for a page: it serves the built console, and answers every operation of the schema with values that
// are made for the types of its fields. A program can give data of its own for some operations.
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { json } from "node:stream/consumers";

import {
  buildSchema,
  getNamedType,
  getNullableType,
  graphql,
  isEnumType,
  isLeafType,
  isListType,
  parse,
} from "graphql";
import { WebSocketServer } from "ws";

const ROOT = new URL("../../../../", import.meta.url);
const STATIC = new URL("api/console/static/", ROOT);
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'";
const TYPES = { js: "text/javascript", css: "text/css", svg: "image/svg+xml" };

/** Types of which all texts are names and descriptions in code, whose authors are those of the deployment. */
const DECLARATIONS = /Declaration$|^(ViewStatus|DeclaredStep|CommandCount|EventCount)$/;

/**
 * Starts it. `scalars` has a value for each scalar by its name, or a function that returns one. `roots` has values of
 * root fields, as functions of their arguments. `queries` has the whole data by the name of an operation, as a function
 * of its variables, and `subscriptions` a function by the name of an operation that receives one which sends a result,
 * the variables, and one that ends the subscription with an error.
 * `extensions` adds to the schema what a deployment can have beside the default contexts.
 */
export async function startMadeUpNerve({ scalars, roots = {}, queries = {}, subscriptions = {}, extensions = "" }) {
  const schema = buildSchema((await readFile(new URL("api/schema.graphql", ROOT), "utf8")) + extensions);
  const page = await readFile(new URL("console.html", STATIC), "utf8");
  const html = page
    .replace("__GRAPHQL_PATH__", "./graphql")
    .replace("__TOKEN_PATH__", "")
    .replaceAll('"./assets/', '"./graphiql/assets/');

  async function answer({ query, variables }) {
    const own = queries[operationName(query)]?.(variables);
    if (own) return { data: own };
    const common = { schema, fieldResolver, typeResolver, rootValue: roots };
    return graphql({ ...common, source: query, variableValues: variables });
  }

  function fieldResolver(source, args, _context, { fieldName, returnType, parentType }) {
    if (!(fieldName in source)) return made(returnType, DECLARATIONS.test(parentType.name));
    return source === roots ? source[fieldName](args) : source[fieldName];
  }

  function made(type, isDeclared) {
    const inner = getNullableType(type);
    if (isListType(inner)) return [made(inner.ofType, isDeclared), made(inner.ofType, isDeclared)];
    if (isDeclared && inner.name === "String") return "declared";
    if (isEnumType(inner)) return inner.getValues()[0].name;
    if (!isLeafType(inner)) return {};
    const value = scalars[inner.name];
    return typeof value === "function" ? value() : value;
  }

  function typeResolver(value, _context, _info, type) {
    return value.__typename ?? schema.getPossibleTypes(getNamedType(type))[0].name;
  }

  const server = createServer(async (request, response) => {
    const path = request.url.split("?")[0];
    if (path === "/console") return send(response, "text/html", html);
    if (path === "/graphql") return send(response, "application/json", JSON.stringify(await answer(await json(request))));
    const file = /^\/graphiql\/assets\/([\w.-]+\.(\w+))$/.exec(path);
    if (file) return send(response, TYPES[file[2]], await readFile(new URL(`assets/${file[1]}`, STATIC)));
    response.writeHead(404).end();
  });

  const sockets = new WebSocketServer({ server, handleProtocols: () => "graphql-transport-ws" });
  sockets.on("connection", (socket) => {
    const reply = (message) => socket.send(JSON.stringify(message));
    socket.on("message", (text) => {
      const { type, id, payload } = JSON.parse(text);
      if (type === "connection_init") reply({ type: "connection_ack" });
      if (type === "ping") reply({ type: "pong" });
      if (type !== "subscribe") return;
      const subscribe = subscriptions[operationName(payload.query)];
      const fail = (message, code) => reply({ type: "error", id, payload: [{ message, extensions: { code } }] });
      subscribe?.((data) => reply({ type: "next", id, payload: { data } }), payload.variables, fail);
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { base: `http://127.0.0.1:${server.address().port}`, stop: () => server.close() };
}

function operationName(query) {
  return parse(query).definitions[0].name?.value;
}

function send(response, type, body) {
  response.writeHead(200, { "content-type": type, "content-security-policy": POLICY }).end(body);
}
