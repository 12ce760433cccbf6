import { linkTo } from "../../address";
import { figure } from "../../parts/plot-scale";
import { Line, Text } from "../../parts/text";
import { ContextLinks } from "./context-links";
import { type Activities, type Context, followersOf, sum } from "./use-contexts";

type Props = { contexts: Context[]; activities: Activities | undefined; chosen: string | undefined };

/** All contexts with their sizes and rates. The name of one leads to what it declares. */
export function ContextTable({ contexts, activities, chosen }: Props) {
  return (
    <div className="scroll" tabIndex={0} role="region" aria-label="All contexts">
      <table className="contexts">
        <thead>
          <tr>
            <th>context</th>
            <th>kind</th>
            <th className="number">commands</th>
            <th className="number">types of events</th>
            {activities && (
              <>
                <th className="number">commands/s</th>
                <th className="number">events stored</th>
                <th className="number">events/s</th>
              </>
            )}
            <th>views</th>
            <th>followed by</th>
          </tr>
        </thead>
        <tbody>
          {contexts.map((context) => (
            <ContextRow
              key={context.name}
              context={context}
              contexts={contexts}
              activities={activities}
              isChosen={context.name === chosen}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

type RowProps = Omit<Props, "chosen"> & { context: Context; isChosen: boolean };

function ContextRow({ context, contexts, activities, isChosen }: RowProps) {
  const { name, kind, commands, events, views } = context;
  return (
    <tr className={isChosen ? "selected" : undefined}>
      <th scope="row">
        <a href={linkTo("contexts", { context: name })} aria-current={isChosen ? "true" : undefined}>
          <Line>{name}</Line>
        </a>
      </th>
      <td>
        <span className="badge">{kind.toLowerCase()}</span>
      </td>
      <td className="number">{commands.length}</td>
      <td className="number">{events.length}</td>
      {activities && (
        <>
          <td className="number">{figure(sum(commands.map(({ name }) => activities.commands.get(name)?.perSecond)))}</td>
          <td className="number">{figure(sum(events.map(({ type }) => activities.events.get(type)?.stored)))}</td>
          <td className="number">{figure(sum(events.map(({ type }) => activities.events.get(type)?.perSecond)))}</td>
        </>
      )}
      <td>
        <ContextLinks page="health" parameter="view" names={views.map(({ name }) => name)} />
      </td>
      <td>
        <FollowedBy {...followersOf(context, contexts)} />
      </td>
    </tr>
  );
}

function FollowedBy({ processes, policies, views }: ReturnType<typeof followersOf>) {
  return (
    <>
      <ContextLinks page="contexts" parameter="context" names={processes} />
      {processes.length > 0 && views.length > 0 && ", "}
      <ContextLinks page="health" parameter="view" names={views} />
      {policies.length > 0 && (
        <span className="quiet">
          {(processes.length > 0 || views.length > 0) && ", "}
          {policies.length === 1 ? "policy" : "policies"} <Text>{policies.join(", ")}</Text>
        </span>
      )}
    </>
  );
}
