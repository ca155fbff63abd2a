import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "qflethics.settings.dev")

application = get_wsgi_application()
get_resolver().url_patterns  # noqa: B018 - loads every view now, not while somebody waits
# What is loaded stays: searching it for garbage again and again would hold up each request under way for a tenth of a
# second. And a batch of thousands of rows makes objects that go by themselves.
gc.collect()
gc.freeze()
gc.set_threshold(50_000, 20, 20)
