/** The variables of a subscription that is resumed: `after` is the position told last, whenever they are sent. */
export function resumable() {
  return { after: null };
}

/** To be called with each result at once, before the client may send the variables again. */
export function remember(variables, { data }) {
  const [message] = Object.values(data ?? {});
  if (message?.position) variables.after = message.position;
}

/** Milliseconds before a lost connection is tried again; by itself each client would wait for seconds. */
export const PAUSE = 20;

export const pause = () => new Promise((resolve) => setTimeout(resolve, PAUSE));
