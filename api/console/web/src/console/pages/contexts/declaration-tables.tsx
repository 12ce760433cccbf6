import { type ReactNode, useContext } from "react";

import { linkTo } from "../../address";
import { GraphiqlLink, Severity } from "../../parts/links";
import { figure } from "../../parts/plot-scale";
import { Description, Line } from "../../parts/text";
import { Session } from "../../session";
import type { Activities, Context } from "./use-contexts";

type Counted = { activities: Activities | undefined };
type CommandProps = Counted & { commands: Context["commands"] };

/** The commands of a context. Each opens in GraphiQL, to be sent. */
export function CommandTable({ commands, activities }: CommandProps) {
  const { schema } = useContext(Session);
  const counts = activities ? ["accepted", "refused", "failed", "a second"] : [];
  return (
    <Declarations names={["command", "what it does"]} numbers={counts} last="send">
      {commands.map(({ name, mutation, description }) => {
        const count = activities?.commands.get(name);
        return (
          <tr key={name}>
            <th scope="row">
              <Line>{name}</Line>
            </th>
            <td>
              <Description>{description}</Description>
            </td>
            {activities && <Numbers values={[count?.accepted, count?.refused, count?.failed, count?.perSecond]} />}
            <td>
              {schema.hasMutation(mutation) && (
                <GraphiqlLink operation={{ text: mutationText(name, mutation) }} variables={{ input: {} }} />
              )}
            </td>
          </tr>
        );
      })}
    </Declarations>
  );
}

/** The types of events of a context. Each leads to the tail of its events. */
export function EventTable({ events, activities }: Counted & { events: Context["events"] }) {
  const counts = activities ? ["stored", "a second"] : [];
  return (
    <Declarations names={["event", "what has happened"]} numbers={["revision", ...counts]}>
      {events.map(({ type, description, revision, severity }) => {
        const count = activities?.events.get(type);
        return (
          <tr key={type}>
            <th scope="row">
              <a href={linkTo("watch", { types: type })}>
                <Line>{type}</Line>
              </a>{" "}
              <Severity value={severity} />
            </th>
            <td>
              <Description>{description}</Description>
            </td>
            <Numbers values={[revision]} />
            {activities && <Numbers values={[count?.stored, count?.perSecond]} />}
          </tr>
        );
      })}
    </Declarations>
  );
}

/** The views that read first of all a context. */
export function ViewTable({ views }: { views: Context["views"] }) {
  return (
    <Declarations names={["view", "what a row is"]} numbers={[]} last="rows">
      {views.map(({ name, description, isEntity }) => (
        <tr key={name}>
          <th scope="row">
            <a href={linkTo("health", { view: name })}>
              <Line>{name}</Line>
            </a>
          </th>
          <td>
            <Description>{description}</Description> {isEntity && <span className="badge">one row for each stream</span>}
          </td>
          <td>
            <GraphiqlLink operation={{ text: listText(name) }} variables={{}} />
          </td>
        </tr>
      ))}
    </Declarations>
  );
}

type TableProps = { names: string[]; numbers: string[]; last?: string; children: ReactNode };

function Declarations({ names, numbers, last, children }: TableProps) {
  return (
    <div className="scroll">
      <table className="declarations">
        <thead>
          <tr>
            {names.map((name) => (
              <th key={name}>{name}</th>
            ))}
            {numbers.map((name) => (
              <th key={name} className="number">
                {name}
              </th>
            ))}
            {last && <th>{last}</th>}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

function Numbers({ values }: { values: (number | undefined)[] }) {
  return values.map((value, index) => (
    <td key={index} className="number">
      {figure(value ?? 0)}
    </td>
  ));
}

function mutationText(command: string, mutation: string): string {
  return `mutation ${command}($input: ${command}Input!) {
  ${mutation}(input: $input) {
    receipt {
      stream
      version
      position
    }
  }
}`;
}

function listText(view: string): string {
  return `query {
  ${view}(first: 20) {
    nodes {
      id
    }
    totalCount
  }
}`;
}
