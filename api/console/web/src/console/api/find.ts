import { linkTo } from "../address";
import type { SessionParts } from "../session";
import {
  EventDetail,
  FindCommand,
  FindNode,
  FindPosition,
  FindTrace,
  LatestEvent,
} from "./operations";

/** A page that fits what was typed. */
export type Match = { kind: string; title: string; link: string };

/** How long the status of a command is waited for: for an id that no command has, it never comes. */
const COMMAND_PATIENCE = 1_500;
const WORDS_PER_LIST = 5;

/** Finds the pages for an id of any kind; if there are none, the rows that contain the words. */
export async function find(text: string, session: SessionParts): Promise<Match[]> {
  const matches = await Promise.all([
    findStream(text, session),
    findTrace(text, session),
    findNode(text, session),
    findPosition(text, session),
  ]);
  const links = new Map(matches.flat().map((match) => [match.link, match]));
  if (links.size) return [...links.values()];
  return (await Promise.all([findCommand(text, session), findWords(text, session)])).flat();
}

async function findStream(id: string, { http, schema }: SessionParts): Promise<Match[]> {
  if (!schema.hasQuery("events")) return [];
  const { data } = await http.run(LatestEvent, { stream: id });
  return data?.events?.nodes.length ? [{ kind: "stream", title: id, link: linkTo("entity", { id }) }] : [];
}

async function findTrace(id: string, { http, schema }: SessionParts): Promise<Match[]> {
  if (!schema.hasQuery("trace")) return [];
  const { data } = await http.run(FindTrace, { correlationId: id });
  return data?.trace?.nodes.length ? [{ kind: "correlation", title: id, link: linkTo("trace", { id }) }] : [];
}

/** Finds an event, a dead letter or a row. */
async function findNode(id: string, { http }: SessionParts): Promise<Match[]> {
  const { data } = await http.run(FindNode, { id });
  if (!data?.node) return [];
  const type = data.node.__typename;
  if (type === "DeadLetter") return [{ kind: "dead letter", title: id, link: linkTo("health") }];
  if (type !== "Event") return [{ kind: type.toLowerCase(), title: id, link: linkTo("entity", { id }) }];
  const detail = (await http.run(EventDetail, { id })).data?.node;
  if (detail?.__typename !== "Event") return [];
  const link = linkTo("entity", { id: detail.stream, version: detail.version });
  return [{ kind: "event", title: `${detail.type} of ${detail.stream}`, link }];
}

async function findCommand(id: string, { live, schema }: SessionParts): Promise<Match[]> {
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
      failed: () => finish([]),
    });
  });
}

async function findPosition(position: string, { http, schema }: SessionParts): Promise<Match[]> {
  if (!schema.hasQuery("events")) return [];
  const { data, problems } = await http.run(FindPosition, { position });
  if (problems.length || !data?.events) return [];
  return [{ kind: "position", title: "the log after this position", link: linkTo("watch", { after: position }) }];
}

type RowPage = { nodes: { id: string; title?: string }[] } | null;

async function findWords(words: string, { http, schema, rows }: SessionParts): Promise<Match[]> {
  const lists = schema.searchableLists();
  if (!lists.length) return [];
  const fields = lists.map(async ({ list, typeName }) => {
    const title = await rows.titleField(typeName);
    return `${list}(search: $words, first: ${WORDS_PER_LIST}) { nodes { id ${title ? `title: ${title}` : ""} } }`;
  });
  const text = `query FindWords($words: String!) { ${(await Promise.all(fields)).join(" ")} }`;
  const { data } = await http.run<Record<string, RowPage>, { words: string }>({ text }, { words });
  return Object.entries(data ?? {}).flatMap(([list, page]) =>
    (page?.nodes ?? []).map(({ id, title }) => ({ kind: list, title: title ?? id, link: linkTo("entity", { id }) })),
  );
}
