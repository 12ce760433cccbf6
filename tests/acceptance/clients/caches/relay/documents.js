// What relay-compiler makes artifacts of. Each type with an id is refetched by it, and lists are paged.
const { graphql } = require("relay-runtime");

graphql`
  fragment documents_task on Task @refetchable(queryName: "documentsTaskRefetchQuery") {
    status
    agent {
      openTasks
    }
  }
`;
graphql`
  fragment documents_meter on Meter @refetchable(queryName: "documentsMeterRefetchQuery") {
    name
    count
  }
`;
graphql`
  fragment documents_stepTime on StepTime @refetchable(queryName: "documentsStepTimeRefetchQuery") {
    name
    steps
  }
`;
graphql`
  fragment documents_taskDay on TaskDay @refetchable(queryName: "documentsTaskDayRefetchQuery") {
    status
    tasks
  }
`;
graphql`
  fragment documents_event on Event @refetchable(queryName: "documentsEventRefetchQuery") {
    type
    data
  }
`;
graphql`
  fragment documents_tasks on Agent
  @refetchable(queryName: "documentsTasksPaginationQuery")
  @argumentDefinitions(
    first: { type: "Int" }
    after: { type: "String" }
    last: { type: "Int" }
    before: { type: "String" }
  ) {
    tasks(first: $first, after: $after, last: $last, before: $before) @connection(key: "documents_tasks") {
      edges {
        node {
          title
        }
      }
    }
  }
`;
graphql`
  fragment documents_events on Query
  @refetchable(queryName: "documentsEventsPaginationQuery")
  @argumentDefinitions(first: { type: "Int" }, after: { type: "Position" }) {
    events(first: $first, after: $after) @connection(key: "documents_events") {
      edges {
        node {
          type
        }
      }
    }
  }
`;
graphql`
  query documentsTaskQuery($id: ID!) {
    task(id: $id) {
      ...documents_task
    }
  }
`;
graphql`
  query documentsPastQuery($id: ID!, $asOf: AsOf!) {
    task(id: $id, asOf: $asOf) {
      ...documents_task
    }
  }
`;
graphql`
  query documentsHistoryQuery($id: ID!) {
    taskHistory(id: $id) {
      nodes {
        before {
          ...documents_task
        }
        after {
          ...documents_task
        }
        events {
          type
        }
      }
    }
  }
`;
graphql`
  query documentsVersionsQuery($id: ID!) {
    first: stateAt(id: $id, version: 1) {
      stream
      version
    }
    last: stateAt(id: $id, version: 4) {
      stream
      version
    }
  }
`;
graphql`
  query documentsRowsQuery {
    meters {
      nodes {
        ...documents_meter
      }
    }
    stepTimes {
      nodes {
        ...documents_stepTime
      }
    }
    taskDays {
      nodes {
        ...documents_taskDay
      }
    }
  }
`;
graphql`
  query documentsAgentQuery($id: ID!, $first: Int, $last: Int) {
    agent(id: $id) {
      ...documents_tasks @arguments(first: $first, last: $last)
    }
  }
`;
graphql`
  query documentsEventsQuery($first: Int) {
    ...documents_events @arguments(first: $first)
  }
`;
graphql`
  mutation documentsCancelMutation($id: ID!) {
    cancelTask(input: { id: $id }) {
      receipt {
        version
      }
    }
  }
`;
graphql`
  subscription documentsLiveSubscription {
    tasks {
      __typename
      ... on TasksSnapshot {
        hasMore
        tasks {
          ...documents_task
        }
      }
      ... on TaskChanged {
        kind
        rowId
        task {
          ...documents_task
        }
      }
    }
  }
`;
