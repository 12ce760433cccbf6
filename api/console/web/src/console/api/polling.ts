import { useEffect } from "react";

import { type Answer, useConnection } from "./hooks";
import { isDisconnected } from "./live";

/** Milliseconds from an answer to the next reading of what the API has no subscription for. */
const PAUSE = 2_000;

/** Reads an answer again and again while the page is seen and connected, `pause` milliseconds after each. */
export function usePolling({ data, problems, reload }: Answer<unknown>, pause = PAUSE): void {
  const isLive = !isDisconnected(useConnection());
  useEffect(() => {
    if (!isLive) return;
    const timer = setInterval(() => {
      if (document.hidden) return;
      // Reading again would end a reading that takes long.
      clearInterval(timer);
      reload();
    }, pause);
    return () => clearInterval(timer);
  }, [isLive, pause, data, problems, reload]);
}
