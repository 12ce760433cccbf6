import { Fragment, type ReactNode } from "react";

/** Names with their values. What has no value is left out. */
export function Facts({ facts }: { facts: Record<string, ReactNode> }) {
  const entries = Object.entries(facts).filter(([, value]) => value || value === 0);
  return (
    <dl className="facts">
      {entries.map(([name, value]) => (
        <Fragment key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </Fragment>
      ))}
    </dl>
  );
}
