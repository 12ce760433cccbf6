import type { HttpApi } from "../../api/http";
import { StreamEvents } from "../../api/operations";
import type { Problem } from "../../api/problems";
import type { Point, Row, RowQueries } from "../../api/rows";
import type { ApiSchema, ViewQuery } from "../../api/schema";
import type { StreamEventsQuery } from "../../api/types";
import type { Built } from "../../parts/export-menu";
import { withoutFields } from "../../parts/report";

type StreamEvent = NonNullable<StreamEventsQuery["events"]>["nodes"][number];

/** How many events a report has at most. */
const REPORTED = 1_000;

type Parts = { http: HttpApi; rows: RowQueries; schema: ApiSchema };

/** An entity at one of its versions; without a version, at the latest one. */
type Subject = { id: string; version: number | undefined; asOf: Point };

/** Builds the report of an entity: its row at the version, and its events up to there. */
export async function entityReport(parts: Parts, { id, version, asOf }: Subject): Promise<Built> {
  const { schema } = parts;
  // A process has a row in the view of all processes, whatever its own category is.
  const view = schema.viewOf(id) ?? schema.views().find(({ typeName }) => typeName === "Process");
  const row = view && (await readRow(parts, view, id, asOf));
  const events = schema.hasQuery("events") ? await readEvents(parts.http, id, version) : { events: [], problems: [] };
  const leftOut = new Set([...(row?.personal ?? []), ...events.events.flatMap(personalPaths)]);
  return {
    problems: [...(row?.problems ?? []), ...events.problems],
    report: {
      page: view?.typeName === "Process" && row?.fields ? "process" : "entity",
      id,
      facts: { ...(version !== undefined && { version }), ...row?.fields },
      lists: { events: { rows: events.events.map(plainEvent), heading: "type" } },
      leftOut: [...leftOut].sort(),
    },
  };
}

type ReadRow = { fields: Row | undefined; personal: string[]; problems: Problem[] };

async function readRow({ http, rows }: Parts, view: ViewQuery, id: string, asOf: Point): Promise<ReadRow> {
  const { data, problems } = await http.run(await rows.withPersonalFields(view), { id, now: asOf });
  if (!data?.now) return { fields: undefined, personal: [], problems };
  const { _meta, id: _id, ...fields } = data.now;
  return { fields: withoutFields(fields, _meta.personalFields), personal: _meta.personalFields, problems };
}

async function readEvents(
  http: HttpApi,
  stream: string,
  version: number | undefined,
): Promise<{ events: StreamEvent[]; problems: Problem[] }> {
  const events: StreamEvent[] = [];
  let after: string | null | undefined;
  do {
    const { data, problems } = await http.run(StreamEvents, { stream, after });
    const page = data?.events;
    if (!page) return { events, problems };
    events.push(...page.nodes);
    after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : undefined;
  } while (after && events.length < REPORTED && !isPast(events.at(-1), version));
  const reported = events.filter((event) => !isPast(event, version)).slice(0, REPORTED);
  return { events: reported, problems: after && reported.length === REPORTED ? [TOO_MANY] : [] };
}

const TOO_MANY: Problem = {
  code: "CUT",
  message: `the report has the first ${REPORTED} events, and the stream has more`,
};

function isPast(event: StreamEvent | undefined, version: number | undefined): boolean {
  return event !== undefined && version !== undefined && event.version > version;
}

function plainEvent({ personalFields, ...event }: StreamEvent): Row {
  return { ...event, data: withoutFields(event.data as Row, personalFields) };
}

function personalPaths({ type, personalFields }: StreamEvent): string[] {
  return personalFields.map((path) => `${type} ${path}`);
}
