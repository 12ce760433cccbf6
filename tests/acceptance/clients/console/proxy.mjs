// A server between the page and nerve, which can be gone for a while.
import { connect, createServer } from "node:net";

/** Starts it; it passes on what it receives to a port of this machine, unless it was told to `leave`. */
export async function openProxy(port) {
  const sockets = new Set();
  let isGone = false;
  const server = createServer((client) => {
    if (isGone) return client.destroy();
    const nerve = connect(port, "127.0.0.1");
    for (const socket of [client, nerve]) {
      sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        sockets.delete(socket);
        (socket === client ? nerve : client).destroy();
      });
    }
    client.pipe(nerve).pipe(client);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    base: `http://127.0.0.1:${server.address().port}`,
    leave() {
      isGone = true;
      for (const socket of sockets) socket.destroy();
    },
    comeBack() {
      isGone = false;
    },
    stop: () => server.close(),
  };
}
