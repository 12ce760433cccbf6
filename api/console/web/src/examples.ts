import createTask from "../examples/create-task.graphql?raw";
import listTasks from "../examples/list-tasks.graphql?raw";
import liveEvents from "../examples/live-events.graphql?raw";
import liveTasks from "../examples/live-tasks.graphql?raw";

const task = { title: "Read the incident report", priority: "HIGH" };

/** The tabs of a first visit, one operation each. */
export const examples = [
  { query: createTask, variables: JSON.stringify({ input: task }, null, 2) },
  { query: listTasks },
  { query: liveTasks },
  { query: liveEvents },
];
