from django.apps import AppConfig
from django.db.models.signals import post_migrate


class CoreConfig(AppConfig):
    name = "core"

    def ready(self) -> None:
        from core.grants import grant_application_role

        post_migrate.connect(grant_application_role, dispatch_uid="core.grants")
