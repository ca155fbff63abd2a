from django.apps import AppConfig


class ProtectionConfig(AppConfig):
    name = "protection"

    def ready(self) -> None:
        from protection import evidence, subscriptions  # noqa: F401 - each announces what it has to others
