import { type ReactNode, useContext, useEffect, useRef } from "react";

import { type Caller, CallerPicker } from "../../caller";
import icon from "../../icon.svg";
import { type Address, linkTo, useAddress } from "../address";
import { useOperation } from "../api/hooks";
import { Viewer } from "../api/operations";
import type { ApiSchema } from "../api/schema";
import { ContextsPage } from "../pages/contexts/contexts-page";
import { EntityPage } from "../pages/entity/entity-page";
import { HealthPage } from "../pages/health/health-page";
import { isOperateVisible, OperatePage } from "../pages/operate/operate-page";
import { ProcessesPage } from "../pages/processes/processes-page";
import { RunPage } from "../pages/runs/run-page";
import { WithCurrency } from "../pages/runs/figures";
import { RunsPage } from "../pages/runs/runs-page";
import { StartPage } from "../pages/start-page";
import { TracePage } from "../pages/trace/trace-page";
import { WatchPage } from "../pages/watch/watch-page";
import { Boundary } from "../parts/boundary";
import { Line, visible } from "../parts/text";
import { Session } from "../session";
import { ConnectionState, LostConnection } from "./connection";
import { FindBox } from "./find-box";
import { SignIn } from "./sign-in";
import { ThemeChoice } from "./theme";

type Props = {
  tokenUrl: URL | undefined;
  caller: Caller | null;
  onPick(caller: Caller | null): void;
  isSignedIn: boolean;
  onSignIn(token: string): void;
  children: ReactNode;
};

type Page = { title: string; render(address: Address): ReactNode; isVisible(schema: ApiSchema): boolean };

const PAGES: Record<string, Page> = {
  "": { title: "Start", render: () => <StartPage />, isVisible: () => true },
  watch: {
    title: "Watch",
    render: ({ state }) => <WatchPage state={state} />,
    isVisible: (schema) => schema.hasSubscription("events"),
  },
  processes: {
    title: "Processes",
    render: ({ state }) => <ProcessesPage state={state} />,
    isVisible: (schema) => schema.hasQuery("processes"),
  },
  runs: {
    title: "Runs",
    render: ({ state: { id, ...state } }) =>
      <WithCurrency>{id ? <RunPage key={id} id={id} state={state} /> : <RunsPage state={state} />}</WithCurrency>,
    isVisible: (schema) => schema.hasQuery("agentRun"),
  },
  health: {
    title: "Health",
    render: ({ state }) => <HealthPage state={state} />,
    isVisible: (schema) => ["recentMetrics", "viewStatus", "deadLetters"].some((name) => schema.hasQuery(name)),
  },
  contexts: {
    title: "Contexts",
    render: ({ state }) => <ContextsPage state={state} />,
    isVisible: (schema) => schema.hasQuery("contexts"),
  },
  operate: {
    title: "Operate",
    render: ({ state }) => <OperatePage state={state} />,
    isVisible: isOperateVisible,
  },
};

const DETAIL_PAGES: Record<string, (address: Address) => { title: string; content: ReactNode }> = {
  entity: ({ state: { id = "", ...state } }) => ({
    title: id,
    content: <EntityPage key={id} id={id} state={state} />,
  }),
  trace: ({ state: { id = "", ...state } }) => ({
    title: `trace ${id}`,
    content: <TracePage key={id} correlationId={id} state={state} />,
  }),
};

/** Returns the page with this name, which anyone can write into a link; undefined if there is none. */
function pageNamed<Kind>(name: string, pages: Record<string, Kind>): Kind | undefined {
  return Object.hasOwn(pages, name) ? pages[name] : undefined;
}

/** What surrounds each page: navigation, the search box, the connection, and who the caller is. */
export function Frame({ children, ...account }: Props) {
  const address = useAddress();
  const { schema } = useContext(Session);
  const main = useRef<HTMLElement>(null);
  const page = pageNamed(address.page, PAGES);
  const { title, content } = page
    ? {
        title: address.state.id ?? page.title,
        content: page.isVisible(schema) ? page.render(address) : <Refused title={page.title} />,
      }
    : (pageNamed(address.page, DETAIL_PAGES)?.(address) ?? { title: "Not found", content: <NotFound /> });

  // Whoever opens a page by its link goes on in this page, and not in the navigation.
  const opened = `${address.page} ${address.state.id ?? ""}`;
  const last = useRef(opened);
  useEffect(() => {
    if (last.current === opened) return;
    last.current = opened;
    main.current?.focus();
    scrollTo(0, 0);
  }, [opened]);

  useEffect(() => {
    document.title = `${visible(title.slice(0, 80))} · nerve`;
  }, [title]);

  function skip() {
    main.current?.focus();
    main.current?.scrollIntoView();
  }

  return (
    <>
      <button type="button" className="skip" onClick={skip}>
        Skip to the page
      </button>
      <Header page={address.page} {...account} />
      <main ref={main} tabIndex={-1}>
        <LostConnection />
        {children}
        <Boundary key={opened}>{content}</Boundary>
      </main>
    </>
  );
}

function Header({ page, ...account }: Omit<Props, "children"> & { page: string }) {
  const { http, schema } = useContext(Session);
  return (
    <header>
      <a href={linkTo("")} className="logo">
        <img src={icon} alt="" /> nerve
      </a>
      <nav aria-label="Pages">
        {Object.entries(PAGES)
          .filter(([, { isVisible }]) => isVisible(schema))
          .map(([name, { title }]) => (
            <a key={name} href={linkTo(name)} aria-current={name === page ? "page" : undefined}>
              {title}
            </a>
          ))}
        <a href={new URL("graphiql", http.url).href}>GraphiQL</a>
      </nav>
      <FindBox />
      <div className="account">
        <ConnectionState />
        <ThemeChoice />
        <Account {...account} />
      </div>
    </header>
  );
}

function Account({ tokenUrl, caller, onPick, isSignedIn, onSignIn }: Omit<Props, "children">) {
  const { data } = useOperation(Viewer, {});
  const viewer = data?.viewer;
  return (
    <>
      {viewer?.subject && (
        <span className="viewer" title={visible(`tenant ${viewer.tenant}, roles ${viewer.roles.join(", ") || "none"}`)}>
          <Line>{viewer.subject}</Line>
        </span>
      )}
      {tokenUrl ? (
        <CallerPicker tokenUrl={tokenUrl} caller={caller} onPick={onPick} />
      ) : (
        <SignIn isSignedIn={isSignedIn} onSignIn={onSignIn} />
      )}
    </>
  );
}

function Refused({ title }: { title: string }) {
  return (
    <>
      <h1>{title}</h1>
      <p>You may not see anything that this page shows.</p>
    </>
  );
}

function NotFound() {
  return (
    <>
      <h1>There is no such page</h1>
      <p>
        Find what you look for with Ctrl-K, or go to the <a href={linkTo("")}>first page</a>.
      </p>
    </>
  );
}
