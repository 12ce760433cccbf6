// Runs the artifacts of documents.js with relay-runtime, which keeps one record for each id whatever its type,
// and prints its records as JSON. Usage: node run.cjs ARTIFACTS URL '{"task", "agent", "position", "open"}'
const { join } = require("node:path");
const { createClient } = require("graphql-ws");
const relay = require("relay-runtime");
const WebSocket = require("ws");

const [artifacts, http, given] = process.argv.slice(2);
const { task, agent, position, open } = JSON.parse(given);
const artifact = (name) => require(join(artifacts, `documents${name}.graphql.js`));
const socket = createClient({ url: http.replace(/^http/, "ws"), webSocketImpl: WebSocket });

async function fetchText({ text: query }, variables) {
  const headers = { "content-type": "application/json" };
  return (await fetch(http, { method: "POST", headers, body: JSON.stringify({ query, variables }) })).json();
}

function subscribe({ text: query }, variables) {
  return relay.Observable.create((sink) => socket.subscribe({ query, variables }, sink));
}

const environment = new relay.Environment({
  network: relay.Network.create(fetchText, subscribe),
  store: new relay.Store(new relay.RecordSource()),
});

async function run(name, variables) {
  const request = artifact(name);
  environment.retain(relay.createOperationDescriptor(request, variables));
  return relay.fetchQuery(environment, request, variables).toPromise();
}

const records = () => environment.getStore().getSource().toJSON();
const connection = (owner, key) => records()[`client:${owner}:__${key}_connection`];
const nodes = (owner, key) =>
  connection(owner, key).edges.__refs.map((edge) => records()[records()[edge].node.__ref].__id);
const pageInfo = (owner, key) => records()[connection(owner, key).pageInfo.__ref];

async function main() {
  await run("TaskQuery", { id: task });
  await run("HistoryQuery", { id: task });
  await run("PastQuery", { id: task, asOf: { position } });
  await run("VersionsQuery", { id: task });
  await run("RowsQuery", {});
  await run("TaskRefetchQuery", { id: `${task}@${position}` });
  for (const { __typename, __id } of Object.values(records())) {
    if (["Meter", "StepTime", "TaskDay", "Event"].includes(__typename)) await run(`${__typename}RefetchQuery`, { id: __id });
  }
  await run("AgentQuery", { id: agent, first: 1 });
  while (pageInfo(agent, "documents_tasks").hasNextPage) {
    const { endCursor } = pageInfo(agent, "documents_tasks");
    await run("TasksPaginationQuery", { id: agent, first: 1, after: endCursor });
  }
  await run("EventsQuery", { first: 5 });
  while (pageInfo("root", "documents_events").hasNextPage) {
    const { endCursor } = pageInfo("root", "documents_events");
    await run("EventsPaginationQuery", { first: 5, after: endCursor });
  }
  await run("TaskQuery", { id: open });
  await follow();
  const pages = { tasks: nodes(agent, "documents_tasks"), events: nodes("root", "documents_events") };
  console.log(JSON.stringify({ records: records(), ...pages }));
}

/** Cancel the open task; its change comes by a subscription. */
function follow() {
  return new Promise((resolve, reject) => {
    relay.requestSubscription(environment, {
      subscription: artifact("LiveSubscription"),
      variables: {},
      onNext({ tasks: message }) {
        if (message.__typename === "CaughtUp") {
          const mutation = artifact("CancelMutation");
          relay.commitMutation(environment, { mutation, variables: { id: open }, onError: reject });
        }
        if (message.__typename === "TaskChanged" && message.rowId === open) resolve();
      },
      onError: reject,
    });
  });
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
