import "./styles/base.css";
import "./styles/parts.css";
import "./styles/frame.css";
import "./styles/entity.css";
import "./styles/trace.css";
import "./styles/watch.css";
import "./styles/runs.css";
import "./styles/operate.css";
import "./styles/plots.css";
import "./styles/contexts.css";

import { createRoot } from "react-dom/client";

import { App } from "./app";
import { applyTheme, readTheme } from "./frame/theme";

function meta(name: string): string {
  return document.querySelector<HTMLMetaElement>(`meta[name=${name}]`)?.content ?? "";
}

const graphql = new URL(meta("graphql-path"), location.href);
graphql.hash = "";
const tokenPath = meta("token-path");

applyTheme(readTheme());
createRoot(document.getElementById("console")!).render(
  <App graphql={graphql} tokenUrl={tokenPath ? new URL(tokenPath, location.href) : undefined} />,
);
