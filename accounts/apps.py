from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts import emergency, erasure, factors, providers, sessions, signin_views  # noqa: F401 - signals, jobs
        from accounts.api import schema  # noqa: F401 - registers the scheme with drf-spectacular

        erasure.when_erased("person", factors.forget)
