"""Django Channels 4 on Daphne: `group_send()`. `channels_group_send.py PORT [REDIS_PORT]`.

Without a Redis the layer is the one in memory, with a capacity that does not lose what the round sends.
"""

import os
import sys

import django
from django.conf import settings

port, redis = int(sys.argv[1]), sys.argv[2:]
LAYERS = {
    "memory": {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": {"capacity": 10_000}},
    "redis": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [f"redis://127.0.0.1:{redis[0]}"] if redis else []},
    },
}
settings.configure(
    SECRET_KEY=os.urandom(16).hex(),
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["channels"],
    CHANNEL_LAYERS={"default": LAYERS["redis" if redis else "memory"]},
)
django.setup()

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server
from django.urls import path


class Client(AsyncWebsocketConsumer):
    groups = ["all"]

    async def notify(self, event):
        await self.send(text_data=event["text"])


class Publisher(AsyncWebsocketConsumer):
    async def receive(self, text_data=None, bytes_data=None):
        await self.channel_layer.group_send("all", {"type": "notify", "text": text_data})


routes = [path("", Client.as_asgi()), path("publish", Publisher.as_asgi())]
Server(
    ProtocolTypeRouter({"websocket": URLRouter(routes)}),
    endpoints=build_endpoint_description_strings(host="127.0.0.1", port=port),
    ping_interval=3600,
    websocket_handshake_timeout=60,
).run()
