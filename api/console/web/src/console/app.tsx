import { useEffect, useMemo, useState } from "react";

import type { Caller } from "../caller";
import { HttpApi } from "./api/http";
import { LiveApi } from "./api/live";
import type { Problem } from "./api/problems";
import { RowQueries } from "./api/rows";
import { type ApiSchema, readSchema } from "./api/schema";
import { Frame } from "./frame/frame";
import { readToken, storeToken } from "./frame/sign-in";
import { Problems } from "./parts/problems";
import { Session } from "./session";

type Props = { graphql: URL; tokenUrl: URL | undefined };

/** Everything on the page, as one caller; another caller gets new connections and an empty page. */
export function App({ graphql, tokenUrl }: Props) {
  const [caller, setCaller] = useState<Caller | null>(null);
  const [token, setToken] = useState(readToken);
  const used = caller?.token ?? token;

  function signIn(newToken: string) {
    storeToken(newToken);
    setToken(newToken);
  }

  return (
    <SignedIn
      key={used}
      graphql={graphql}
      token={used}
      tokenUrl={tokenUrl}
      caller={caller}
      onPick={setCaller}
      onSignIn={signIn}
    />
  );
}

type SignedInProps = Props & {
  token: string;
  caller: Caller | null;
  onPick(caller: Caller | null): void;
  onSignIn(token: string): void;
};

function SignedIn({ graphql, token, ...frame }: SignedInProps) {
  const [schema, setSchema] = useState<{ schema: ApiSchema; problems: Problem[] }>();
  const [live, setLive] = useState<LiveApi>();
  const http = useMemo(() => new HttpApi(graphql, token), [graphql, token]);
  const rows = useMemo(() => new RowQueries(http), [http]);

  useEffect(() => {
    const opened = new LiveApi(graphql, token);
    setLive(opened);
    // A schema that is known stays until another one is read.
    const read = () =>
      void readSchema(http).then((current) =>
        setSchema((old) => (old?.schema.isKnown && !current.schema.isKnown ? old : current)),
      );
    read();
    // A server that comes back may have another schema.
    opened.onChange(() => opened.connection.state === "live" && opened.epoch > 0 && read());
    return () => opened.dispose();
  }, [http]);

  if (!schema || !live) return <p className="loading">Connecting to nerve…</p>;
  return (
    <Session.Provider value={{ http, live, rows, schema: schema.schema }}>
      <Frame {...frame} isSignedIn={token !== ""}>
        {schema.schema.isKnown ? null : <Problems problems={schema.problems} about="the schema of the API" />}
      </Frame>
    </Session.Provider>
  );
}
