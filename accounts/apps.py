from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts import (  # noqa: F401 - signals, jobs
            emergency,
            erasure,
            factors,
            inbox,
            personal,
            providers,
            sessions,
            signin_views,
        )  # fmt: skip
        from accounts.api import schema  # noqa: F401 - registers the scheme with drf-spectacular
        from core import jobs

        erasure.when_erased("person", factors.forget)
        erasure.when_erased("person", inbox.forget)
        jobs.handles(inbox.MAIL)(inbox.message_mail)
        jobs.handles(inbox.DIGEST)(inbox.message_digest)
