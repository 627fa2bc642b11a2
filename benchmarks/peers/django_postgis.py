"""The same tracker written with Django 5, GeoDjango on PostGIS, Channels 4 and Daphne.

`django_postgis.py PORT PG_SOCKET_FOLDER [REDIS_PORT]` has signed-in forms. A post_save signal sends to the
group after the commit, and alerts it of the areas that cover the incident. The layer is Redis' pub/sub, the
fastest one of Channels; without a Redis it is in memory.
"""

import os
import sys
from pathlib import Path

import django
from django.conf import settings

port, pg_folder, redis = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
LAYERS = {
    "memory": {"BACKEND": "channels.layers.InMemoryChannelLayer"},
    "redis": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [{"address": f"redis://127.0.0.1:{redis[0]}", "max_connections": 10_000}]}
        if redis
        else {},
    },
}
settings.configure(
    SECRET_KEY=os.urandom(16).hex(),
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.gis",
        "channels",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
    DATABASES={
        "default": {
            "ENGINE": "django.contrib.gis.db.backends.postgis",
            "NAME": "postgres",
            "USER": "postgres",
            "HOST": pg_folder,
            "CONN_MAX_AGE": None,
        }
    },
    CHANNEL_LAYERS={"default": LAYERS["redis" if redis else "memory"]},
    LOGIN_URL="/accounts/login/",
    LOGIN_REDIRECT_URL="/",
    USE_TZ=True,
)
django.setup()

import json

from asgiref.sync import async_to_sync
from channels.auth import AuthMiddlewareStack
from channels.generic.websocket import AsyncWebsocketConsumer
from channels.layers import get_channel_layer
from channels.routing import ProtocolTypeRouter, URLRouter
from daphne.endpoints import build_endpoint_description_strings
from daphne.server import Server
from django import forms
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.contrib.gis.db import models
from django.contrib.gis.forms import PointField
from django.contrib.gis.geos import GEOSGeometry
from django.core.asgi import get_asgi_application
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.http import HttpResponse, HttpResponseRedirect
from django.template import engines
from django.urls import path

SEVERITIES = ["IN", "LO", "ME", "HI", "UR"]


class Incident(models.Model):
    name = models.CharField(max_length=150)
    description = models.TextField(max_length=1000, blank=True)
    severity = models.CharField(max_length=2, default="ME")
    closed = models.BooleanField(default=False)
    location = models.PointField()
    created = models.DateTimeField(auto_now_add=True)
    updated = models.DateTimeField(auto_now=True)

    class Meta:
        app_label = "gis"


class Area(models.Model):
    name = models.CharField(max_length=150)
    level = models.IntegerField()
    polygon = models.PolygonField(spatial_index=True)

    class Meta:
        app_label = "gis"


def feature(incident: Incident) -> dict:
    return {
        "type": "Feature",
        "id": f"Incident:{incident.pk}",
        "geometry": json.loads(incident.location.geojson),
        "properties": {
            "name": incident.name,
            "description": incident.description,
            "severity": incident.severity,
            "created": incident.created.isoformat(),
            "updated": incident.updated.isoformat(),
            "closed": incident.closed,
            "model": "Incident",
            "pk": incident.pk,
            "url": f"/tracker/incident/{incident.pk}/",
        },
    }


@receiver(post_save, sender=Incident)
def broadcast(instance: Incident, created: bool, **_: object) -> None:
    found = feature(instance)
    messages = [{"type": "post_save", "created": created, "feature": found}]
    level = SEVERITIES.index(instance.severity)
    areas = Area.objects.filter(polygon__covers=instance.location, level__lte=level)
    if not instance.closed and (covering := list(areas.values("id", "name", "level"))):
        messages.append({"type": "alert", "feature": found, "areas_of_interest": covering})
    transaction.on_commit(lambda: send(messages))


def send(messages: list[dict]) -> None:
    layer = get_channel_layer()
    for message in messages:
        async_to_sync(layer.group_send)("notifications", {"type": "notify", "text": json.dumps(message)})


class Notifications(AsyncWebsocketConsumer):
    groups = ["notifications"]

    async def connect(self):
        if self.scope["user"].is_authenticated:
            await self.accept()
        else:
            await self.close()

    async def notify(self, event):
        await self.send(text_data=event["text"])


class IncidentForm(forms.ModelForm):
    location_geojson = PointField()

    class Meta:
        model = Incident
        fields = ["name", "description", "severity", "closed"]


PAGE = engines["django"].from_string("<form method=post>{% csrf_token %}{{ form }}</form>")


@login_required
def create(request):
    form = IncidentForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.instance.location = form.cleaned_data["location_geojson"]
        with transaction.atomic():
            incident = form.save()
        return HttpResponseRedirect(f"/tracker/incident/{incident.pk}/", status=303)
    return HttpResponse(PAGE.render({"form": form}, request), status=422 if form.errors else 200)


class Login(LoginView):
    def render_to_response(self, context, **_options):
        return HttpResponse(PAGE.render(context, self.request))


def index(_request):
    return HttpResponse("")


urlpatterns = [
    path("", index),
    path("accounts/login/", Login.as_view()),
    path("tracker/incident/create/", create),
]


def fill(areas: str) -> None:
    """Make the tables, an account, and the areas of a GeoJSON file."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(Incident)
        editor.create_model(Area)
    User.objects.create_user("admin", password="admin")
    features = json.loads(Path(areas).read_text())["features"]
    Area.objects.bulk_create(
        [
            Area(
                name=found["properties"]["name"],
                level=SEVERITIES.index(found["properties"]["severity"]),
                polygon=GEOSGeometry(json.dumps(found["geometry"])),
            )
            for found in features
        ],
        batch_size=1000,
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    connection.close()


fill(os.environ["AREAS"])
websockets = AuthMiddlewareStack(URLRouter([path("notifications", Notifications.as_asgi())]))
Server(
    ProtocolTypeRouter({"http": get_asgi_application(), "websocket": websockets}),
    endpoints=build_endpoint_description_strings(host="127.0.0.1", port=port),
    ping_interval=3600,
    websocket_handshake_timeout=60,
).run()
