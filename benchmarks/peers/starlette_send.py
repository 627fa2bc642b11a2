"""Starlette on uvicorn with uvloop: a loop of `send_text()`, without compression and pings."""

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

clients: set[WebSocket] = set()


async def client(ws: WebSocket) -> None:
    await ws.accept()
    clients.add(ws)
    try:
        async for _ in ws.iter_text():
            pass
    finally:
        clients.discard(ws)


async def publish(ws: WebSocket) -> None:
    await ws.accept()
    async for message in ws.iter_text():
        for other in list(clients):
            await other.send_text(message)


app = Starlette(routes=[WebSocketRoute("/", client), WebSocketRoute("/publish", publish)])
uvicorn.run(
    app,
    host="127.0.0.1",
    port=int(sys.argv[1]),
    loop="uvloop",
    log_level="error",
    ws_per_message_deflate=False,
    ws_ping_interval=None,
)
