"""flask-sock on gevent, as in its documentation: two greenlets a client, a loop of `send()`."""

from gevent import monkey

monkey.patch_all()

import socket
import sys

from flask import Flask
from flask_sock import Sock
from gevent.pywsgi import WSGIServer

app = Flask(__name__)
sock = Sock(app)
clients = set()


@sock.route("/")
def client(ws):
    clients.add(ws)
    try:
        while True:
            ws.receive()
    finally:
        clients.discard(ws)


@sock.route("/publish")
def publish(ws):
    while True:
        message = ws.receive()
        for client in list(clients):
            client.send(message)


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=1024)
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
WSGIServer(listener, app, log=None).serve_forever()
