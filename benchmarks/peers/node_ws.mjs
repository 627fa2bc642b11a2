// Node with ws: a loop of send() of one buffer over all clients, without compression.
import { WebSocketServer } from "ws";

const server = new WebSocketServer({ host: "127.0.0.1", port: Number(process.argv[2]), perMessageDeflate: false, backlog: 1024 });
const clients = new Set();

server.on("connection", (socket, request) => {
  if (request.url === "/publish") {
    socket.on("message", (message) => {
      for (const client of clients) client.send(message, { binary: false });
    });
    return;
  }
  clients.add(socket);
  socket.on("close", () => clients.delete(socket));
});
