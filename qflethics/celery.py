"""The coordinator's Celery application. A site's worker has its own, without Django: federation.site."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "qflethics.settings.dev")
app = Celery("qflethics")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
