import { type ReactNode, useContext } from "react";

import { linkTo, type PageState } from "../../address";
import type { ApiSchema } from "../../api/schema";
import { Session } from "../../session";
import { AlertsSection } from "./alerts-section";
import { ConnectionsSection } from "./connections-section";
import { ConsumersSection } from "./consumers-section";
import { KeysSection } from "./keys/keys-section";
import { TenantsSection } from "./tenants-section";
import { WebhooksSection } from "./webhooks/webhooks-section";

type Section = { name: string; title: string; query: string; render(state: PageState): ReactNode };

const SECTIONS: Section[] = [
  { name: "alerts", title: "Alerts", query: "alerts", render: (state) => <AlertsSection state={state} /> },
  { name: "webhooks", title: "Webhooks", query: "webhooks", render: (state) => <WebhooksSection state={state} /> },
  { name: "keys", title: "API keys", query: "apiKeys", render: (state) => <KeysSection state={state} /> },
  { name: "consumers", title: "Consumers", query: "consumers", render: () => <ConsumersSection /> },
  {
    name: "connections",
    title: "Connections",
    query: "connections",
    render: (state) => <ConnectionsSection state={state} />,
  },
  { name: "tenants", title: "Tenants", query: "tenants", render: (state) => <TenantsSection state={state} /> },
];

/** Whether any section exists for the caller. */
export function isOperateVisible(schema: ApiSchema): boolean {
  return SECTIONS.some(({ query }) => schema.hasQuery(query));
}

/** What keeps a deployment in order, section by section; those that the caller may not see are left out. */
export function OperatePage({ state: { section, ...state } }: { state: PageState }) {
  const { schema } = useContext(Session);
  const visible = SECTIONS.filter(({ query }) => schema.hasQuery(query));
  const shown = section ? SECTIONS.find(({ name }) => name === section) : visible[0];
  return (
    <>
      <nav aria-label="Operate" className="sections">
        {visible.map(({ name, title }) => (
          <a key={name} href={linkTo("operate", { section: name })} aria-current={name === shown?.name ? "page" : undefined}>
            {title}
          </a>
        ))}
      </nav>
      <h1>{shown?.title ?? "There is no such page"}</h1>
      {shown && (visible.includes(shown) ? shown.render(state) : <p>You may not see anything that this page shows.</p>)}
    </>
  );
}
