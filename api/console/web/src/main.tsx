import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "./style.css";

import { GraphiQL } from "graphiql";
import { useMemo, useState } from "react";
import { createRoot } from "react-dom/client";

import { type Caller, CallerPicker } from "./caller";
import { examples } from "./examples";
import { createFetcher } from "./fetcher";
import icon from "./icon.svg";

function meta(name: string): string {
  return document.querySelector<HTMLMetaElement>(`meta[name=${name}]`)!.content;
}

const graphql = new URL(meta("graphql-path"), location.href);
const tokenPath = meta("token-path");

/** The operation that a link of the console opens, in a tab of its own. */
const linked = new URLSearchParams(location.hash.slice(1));
const query = linked.get("query") ?? undefined;
const variables = linked.get("variables") ?? undefined;
const tabs = query === undefined ? examples : [{ query, variables: variables ?? null }, ...examples];

function Console() {
  const [caller, setCaller] = useState<Caller | null>(null);
  // With another fetcher GraphiQL also reads the schema again: it is that of the caller.
  const fetcher = useMemo(() => createFetcher(graphql, caller?.token), [caller]);
  return (
    <GraphiQL
      fetcher={fetcher}
      defaultTabs={tabs}
      initialQuery={query}
      initialVariables={variables}
      defaultEditorToolsVisibility="variables"
      inputValueDeprecation
      shouldPersistHeaders={false}
    >
      <GraphiQL.Logo>
        {tokenPath && (
          <CallerPicker tokenUrl={new URL(tokenPath, location.href)} caller={caller} onPick={setCaller} />
        )}
        <img className="nerve-icon" src={icon} alt="" />
        nerve
      </GraphiQL.Logo>
    </GraphiQL>
  );
}

createRoot(document.getElementById("console")!).render(<Console />);
