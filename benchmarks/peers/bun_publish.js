// Bun: server.publish(), its own broadcast. It joins all messages of one iteration of its loop.
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  fetch(request, server) {
    const publishes = new URL(request.url).pathname === "/publish";
    return server.upgrade(request, { data: { publishes } }) ? undefined : new Response("", { status: 400 });
  },
  websocket: {
    idleTimeout: 0,
    sendPings: false,
    backpressureLimit: 1 << 28,
    open(socket) {
      if (!socket.data.publishes) socket.subscribe("all");
    },
    message(socket, message) {
      if (socket.data.publishes) server.publish("all", message);
    },
  },
});
