import { linkTo } from "../address";
import type { SessionParts } from "../session";
import type { Operation } from "./http";
import {
  EventDetail,
  FindCommand,
  FindNode,
  FindPosition,
  FindTrace,
  LatestEvent,
} from "./operations";
import { isRefusal, type Problem } from "./problems";

/** A page that fits what was typed. */
export type Match = { kind: string; title: string; link: string };

/** What a search has found, and why it may have missed something. */
export type Findings = { matches: Match[]; problems: Problem[] };

/** Runs the queries of one search, and keeps what went wrong with them. */
type Search = Omit<SessionParts, "http"> & {
  run<Data, Variables>(operation: Operation<Data, Variables>, variables: Variables): Promise<Data | undefined>;
  report(problems: Problem[]): void;
};

/** What the API answers if the text cannot be an id of the kind that is looked for. */
const NO_MATCH = ["VALIDATION_FAILED", "NOT_FOUND"];

/** How long the status of a command is waited for: for an id that no command has, it never comes. */
const COMMAND_PATIENCE = 1_500;
const WORDS_PER_LIST = 5;

/** Finds the pages for an id of any kind; if there are none, the rows that contain the words. */
export async function find(text: string, { http, ...session }: SessionParts): Promise<Findings> {
  const problems = new Map<string, Problem>();
  const report = (reported: Problem[]) =>
    reported
      .filter((problem) => !isRefusal(problem) && !NO_MATCH.includes(problem.code))
      .forEach((problem) => problems.set(problem.code, problem));
  const matches = await findMatches(text, {
    ...session,
    report,
    async run(operation, variables) {
      const result = await http.run(operation, variables);
      report(result.problems);
      return result.data;
    },
  });
  return { matches, problems: [...problems.values()] };
}

async function findMatches(text: string, search: Search): Promise<Match[]> {
  const matches = await Promise.all([
    findStream(text, search),
    findTrace(text, search),
    findNode(text, search),
    findPosition(text, search),
  ]);
  const links = new Map(matches.flat().map((match) => [match.link, match]));
  if (links.size) return [...links.values()];
  return (await Promise.all([findCommand(text, search), findWords(text, search)])).flat();
}

async function findStream(id: string, { run, schema }: Search): Promise<Match[]> {
  if (!schema.hasQuery("events")) return [];
  const data = await run(LatestEvent, { stream: id });
  return data?.events?.nodes.length ? [{ kind: "stream", title: id, link: linkTo("entity", { id }) }] : [];
}

async function findTrace(id: string, { run, schema }: Search): Promise<Match[]> {
  if (!schema.hasQuery("trace")) return [];
  const data = await run(FindTrace, { correlationId: id });
  return data?.trace?.nodes.length ? [{ kind: "correlation", title: id, link: linkTo("trace", { id }) }] : [];
}

/** Finds an event, a dead letter or a row. */
async function findNode(id: string, { run }: Search): Promise<Match[]> {
  const data = await run(FindNode, { id });
  if (!data?.node) return [];
  const type = data.node.__typename;
  if (type === "Process") return [{ kind: "process", title: id, link: linkTo("processes", { id }) }];
  if (type === "DeadLetter") return [{ kind: "dead letter", title: id, link: linkTo("health") }];
  if (type === "AgentRun") return [{ kind: "run of an agent", title: id, link: linkTo("runs", { id }) }];
  if (type !== "Event") return [{ kind: type.toLowerCase(), title: id, link: linkTo("entity", { id }) }];
  const detail = (await run(EventDetail, { id }))?.node;
  if (detail?.__typename !== "Event") return [];
  const link = linkTo("entity", { id: detail.stream, version: detail.version });
  return [{ kind: "event", title: `${detail.type} of ${detail.stream}`, link }];
}

async function findCommand(id: string, { live, schema, report }: Search): Promise<Match[]> {
  if (!schema.hasSubscription("command")) return [];
  return new Promise((resolve) => {
    const finish = (matches: Match[]) => {
      stop();
      clearTimeout(timer);
      resolve(matches);
    };
    const timer = setTimeout(() => finish([]), COMMAND_PATIENCE);
    const stop = live.follow(FindCommand, { id }, {
      next: ({ command }) => {
        if (command.__typename === "CommandRefused")
          finish([{ kind: `refused with ${command.code}`, title: command.message, link: linkTo("") }]);
        if (command.__typename !== "CommandStored") return;
        const { stream, version, correlationId } = command.receipt;
        finish([
          { kind: "changed by the command", title: stream, link: linkTo("entity", { id: stream, version }) },
          { kind: "trace of the command", title: correlationId, link: linkTo("trace", { id: correlationId }) },
        ]);
      },
      failed: (problems) => {
        report(problems);
        finish([]);
      },
    });
  });
}

async function findPosition(position: string, { run, schema }: Search): Promise<Match[]> {
  if (!schema.hasQuery("events")) return [];
  const data = await run(FindPosition, { position });
  if (!data?.events) return [];
  return [{ kind: "position", title: "the log after this position", link: linkTo("watch", { after: position }) }];
}

type RowPage = { nodes: { id: string; title?: string }[] } | null;

async function findWords(words: string, { run, schema, rows }: Search): Promise<Match[]> {
  const lists = schema.searchableLists();
  if (!lists.length) return [];
  const fields = lists.map(async ({ list, typeName }) => {
    const title = await rows.titleField(typeName);
    return `${list}(search: $words, first: ${WORDS_PER_LIST}) { nodes { id ${title ? `title: ${title}` : ""} } }`;
  });
  const text = `query FindWords($words: String!) { ${(await Promise.all(fields)).join(" ")} }`;
  const data = await run<Record<string, RowPage>, { words: string }>({ text }, { words });
  return Object.entries(data ?? {}).flatMap(([list, page]) =>
    (page?.nodes ?? []).map(({ id, title }) => ({ kind: list, title: title ?? id, link: linkTo("entity", { id }) })),
  );
}
