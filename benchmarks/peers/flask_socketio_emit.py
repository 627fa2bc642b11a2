"""Flask-SocketIO on gevent: `emit(..., broadcast=True)`, WebSocket transport only."""

from gevent import monkey

monkey.patch_all()

import sys

from flask import Flask
from flask_socketio import SocketIO

app = Flask(__name__)
socketio = SocketIO(app, async_mode="gevent", transports=["websocket"], ping_interval=3600, ping_timeout=3600)


@socketio.on("publish")
def publish(message):
    socketio.emit("notification", message)


socketio.run(app, "127.0.0.1", int(sys.argv[1]))
