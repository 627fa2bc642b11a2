"""picows on uvloop: a loop of its `send` that does not copy, which is faster than its `broadcast()`."""

import sys

import uvloop
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

HEADER = 14  # bytes that it wants before a message, for the frame's header

clients: set[WSTransport] = set()


class Client(WSListener):
    def on_ws_connected(self, transport: WSTransport) -> None:
        clients.add(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        clients.discard(transport)


class Publisher(WSListener):
    def on_ws_frame(self, _transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            message = bytearray(HEADER) + frame.get_payload_as_bytes()
            for client in clients:
                client.send_reuse_external_bytearray(WSMsgType.TEXT, message, HEADER)


def choose(request: WSUpgradeRequest) -> WSListener:
    return Publisher() if request.path == b"/publish" else Client()


async def main() -> None:
    server = await ws_create_server(choose, "127.0.0.1", int(sys.argv[1]))
    await server.serve_forever()


uvloop.run(main())
