// The peer on Node over HTTP: mercurius with its compiler (`jit`) and its loaders, and the mongodb driver. It reads nerve's
// own view collections by the queries that nerve makes. `node mercurius.mjs FD`
import Fastify from "fastify";
import { GraphQLScalarType } from "graphql";
import mercurius from "mercurius";
import { MongoClient } from "mongodb";

const schema = `
  scalar DateTime
  enum WorkflowStatus { RUNNING FINISHED FAILED CANCELLED }
  enum TaskStatus { CREATED ASSIGNED STARTED COMPLETED FAILED CANCELLED }
  enum AgentState { IDLE BUSY OFFLINE RETIRED }
  type Agent { id: ID! name: String! state: AgentState! }
  type Task { id: ID! title: String! status: TaskStatus! agentId: ID agent: Agent }
  type TaskConnection { nodes: [Task!]! }
  type WorkflowStep { name: String! taskId: ID agentId: ID completedAt: DateTime! }
  type Workflow {
    id: ID!
    name: String!
    status: WorkflowStatus!
    steps: [WorkflowStep!]!
    stepsCompleted: Int!
    stepsPlanned: Int
    progress: Float
    error: String
    startedAt: DateTime!
    finishedAt: DateTime
    durationSeconds: Float
    tasks(first: Int = 20): TaskConnection!
  }
  type WorkflowEdge { node: Workflow! cursor: String! }
  type PageInfo { hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }
  type WorkflowConnection { edges: [WorkflowEdge!]! pageInfo: PageInfo! }
  type Query {
    workflow(id: ID!): Workflow
    workflows(first: Int = 20, after: String): WorkflowConnection!
  }
`;

const client = new MongoClient(process.env.NERVE_MONGO_URL, { readConcernLevel: "majority" });
const database = client.db(process.env.NERVE_DATABASE);
const rowsOf = (view) => database.collection(`view_${view}_1`);
const [workflows, tasks, agents] = ["workflows", "tasks", "agents"].map(rowsOf);
const listed = { _tenant: "default", _gone: false };
const shown = (...names) => ({ projection: Object.fromEntries(names.map((name) => [name, 1])) });
const workflowFields = [
  "id", "name", "status", "steps", "steps_completed", "steps_planned", "progress", "error", "started_at",
  "finished_at", "duration_seconds",
];
const ofWorkflows = shown(...workflowFields);
const ofOneWorkflow = shown(...workflowFields, "_gone");
const ofTasks = shown("id", "title", "status", "workflow_id", "agent_id");
const ofAgents = shown("id", "name", "state");

const step = (row) => ({
  name: row.name,
  taskId: row.task_id,
  agentId: row.agent_id,
  completedAt: row.completed_at,
});
const workflow = (row) => ({
  id: row.id,
  name: row.name,
  status: row.status,
  steps: row.steps.map(step),
  stepsCompleted: row.steps_completed,
  stepsPlanned: row.steps_planned,
  progress: row.progress,
  error: row.error,
  startedAt: row.started_at,
  finishedAt: row.finished_at,
  durationSeconds: row.duration_seconds,
});
const task = (row) => ({ id: row.id, title: row.title, status: row.status, agentId: row.agent_id });

const cursorOf = (row) => Buffer.from(row.id).toString("base64");
const idOf = (cursor) => Buffer.from(cursor, "base64").toString();

const resolvers = {
  DateTime: new GraphQLScalarType({ name: "DateTime", serialize: (date) => date.toISOString() }),
  Query: {
    workflow: async (_, { id }) => {
      const row = await workflows.findOne({ _id: `default/${id}` }, ofOneWorkflow);
      return row === null || row._gone ? null : workflow(row);
    },
    workflows: async (_, { first, after }) => {
      const query = after == null ? listed : { ...listed, id: { $gt: idOf(after) } };
      const rows = await workflows.find(query, ofWorkflows).sort({ id: 1 }).limit(first + 1).toArray();
      const edges = rows.slice(0, first).map((row) => ({ node: workflow(row), cursor: cursorOf(row) }));
      const pageInfo = {
        hasNextPage: rows.length > first,
        hasPreviousPage: after != null,
        startCursor: edges[0]?.cursor,
        endCursor: edges.at(-1)?.cursor,
      };
      return { edges, pageInfo };
    },
  },
};

// What a loader returns is not cached: each object of a response is loaded once.
const uncached = { cache: false };
const loaders = {
  Workflow: {
    tasks: {
      async loader(queries) {
        const byWorkflow = new Map(queries.map(({ obj }) => [obj.id, []]));
        const query = { ...listed, workflow_id: { $in: [...byWorkflow.keys()] } };
        for (const row of await tasks.find(query, ofTasks).sort({ workflow_id: 1, id: 1 }).toArray()) {
          byWorkflow.get(row.workflow_id).push(task(row));
        }
        return queries.map(({ obj, params }) => ({ nodes: byWorkflow.get(obj.id).slice(0, params.first) }));
      },
      opts: uncached,
    },
  },
  Task: {
    agent: {
      async loader(queries) {
        const keys = new Set(queries.map(({ obj }) => `default/${obj.agentId}`));
        const rows = await agents.find({ _id: { $in: [...keys] }, _gone: false }, ofAgents).toArray();
        const byId = new Map(rows.map((row) => [row.id, row]));
        return queries.map(({ obj }) => byId.get(obj.agentId) ?? null);
      },
      opts: uncached,
    },
  },
};

await client.connect();
const app = Fastify();
app.register(mercurius, { schema, resolvers, loaders, jit: 1 });
await app.ready();
app.server.listen({ fd: Number(process.argv[2]) });
