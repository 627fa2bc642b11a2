"""gevent-websocket: a loop of `send()` over all clients."""

from gevent import monkey

monkey.patch_all()

import socket
import sys

from gevent.pywsgi import WSGIServer
from geventwebsocket.exceptions import WebSocketError
from geventwebsocket.handler import WebSocketHandler

clients = set()


def app(environ, start_response):
    ws = environ["wsgi.websocket"]
    publishes = environ["PATH_INFO"] == "/publish"
    if not publishes:
        clients.add(ws)
    try:
        while (message := ws.receive()) is not None:
            if publishes:
                for client in list(clients):
                    client.send(message)
    except WebSocketError:
        pass
    finally:
        clients.discard(ws)
    return []


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=1024)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
WSGIServer(listener, app, log=None, handler_class=WebSocketHandler).serve_forever()
