import "graphiql/setup-workers/vite";
import "graphiql/style.css";
import "./style.css";

import { GraphiQL } from "graphiql";
import { createRoot } from "react-dom/client";

import { examples } from "./examples";
import { createFetcher } from "./fetcher";
import icon from "./icon.svg";

const path = document.querySelector<HTMLMetaElement>("meta[name=graphql-path]")!.content;

createRoot(document.getElementById("console")!).render(
  <GraphiQL
    fetcher={createFetcher(new URL(path, location.href))}
    defaultTabs={examples}
    defaultEditorToolsVisibility="variables"
    inputValueDeprecation
    shouldPersistHeaders={false}
  >
    <GraphiQL.Logo>
      <img className="nerve-icon" src={icon} alt="" />
      nerve
    </GraphiQL.Logo>
  </GraphiQL>,
);
