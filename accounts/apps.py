from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        from accounts import erasure, factors, sessions  # noqa: F401 - sessions notes each sign-in
        from accounts.api import schema  # noqa: F401 - registers the scheme with drf-spectacular

        erasure.when_erased("person", factors.forget)
