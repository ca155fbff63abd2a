import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "qflethics.settings.dev")
import qflethics.celery  # noqa: E402,F401 - so that tasks sent from a request reach our broker

application = get_wsgi_application()
