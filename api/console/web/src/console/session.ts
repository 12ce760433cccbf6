import { createContext } from "react";

import type { HttpApi } from "./api/http";
import type { LiveApi } from "./api/live";
import type { RowQueries } from "./api/rows";
import type { ApiSchema } from "./api/schema";

/** How the pages reach nerve, as one caller, and what exists for this caller. */
export type SessionParts = { http: HttpApi; live: LiveApi; schema: ApiSchema; rows: RowQueries };

// The frame shows no page before it has the parts.
export const Session = createContext<SessionParts>(null as unknown as SessionParts);
