import { linkTo } from "../../address";
import { Text, visible } from "../../parts/text";
import { ContextLinks } from "./context-links";
import { CommandTable, EventTable, ViewTable } from "./declaration-tables";
import { type Activities, type Context, followersOf } from "./use-contexts";

type Props = { context: Context; contexts: Context[]; activities: Activities | undefined };

/** What one context declares: its commands, events and views, and what follows it. */
export function ContextDetail({ context, contexts, activities }: Props) {
  const { name, commands, events, views } = context;
  return (
    <section className="why" aria-labelledby="context-title">
      <h2 id="context-title">{visible(name)}</h2>
      <a className="close" href={linkTo("contexts")}>
        Close<span className="hidden"> the context {visible(name)}</span>
      </a>
      <ContextFacts context={context} contexts={contexts} />
      {commands.length > 0 && <CommandTable commands={commands} activities={activities} />}
      {events.length > 0 && <EventTable events={events} activities={activities} />}
      {views.length > 0 && <ViewTable views={views} />}
    </section>
  );
}

function ContextFacts({ context, contexts }: Omit<Props, "activities">) {
  const { category, reactsTo } = context;
  const { processes, policies, views } = followersOf(context, contexts);
  return (
    <dl className="facts">
      <dt>streams</dt>
      <dd>
        <code>{visible(category)}-…</code> · <a href={linkTo("watch", { categories: category })}>Watch</a>
      </dd>
      {reactsTo.length > 0 && (
        <>
          <dt>reacts to</dt>
          <dd>
            <ContextLinks page="watch" parameter="types" names={reactsTo} /> ·{" "}
            <a href={linkTo("processes")}>Instances</a>
          </dd>
        </>
      )}
      {processes.length > 0 && (
        <>
          <dt>processes that react</dt>
          <dd>
            <ContextLinks page="contexts" parameter="context" names={processes} />
          </dd>
        </>
      )}
      {policies.length > 0 && (
        <>
          <dt>policies that react</dt>
          <dd>
            <Text>{policies.join(", ")}</Text>
          </dd>
        </>
      )}
      {views.length > 0 && (
        <>
          <dt>also read by</dt>
          <dd>
            <ContextLinks page="health" parameter="view" names={views} />
          </dd>
        </>
      )}
    </dl>
  );
}
