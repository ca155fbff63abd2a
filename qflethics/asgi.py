"""Serves the live streams alone; pages and the API are served by WSGI workers."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "qflethics.settings.dev")
os.environ.setdefault("QFL_ROOT_URLCONF", "qflethics.live.urls")

from django.core.asgi import get_asgi_application  # noqa: E402

application = get_asgi_application()
