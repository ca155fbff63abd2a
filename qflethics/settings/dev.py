from qflethics.settings.base import *  # noqa: F403

DEBUG = False  # the demonstration shows the pages that a user would see, error pages included
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
