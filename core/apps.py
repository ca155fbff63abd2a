from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class CoreConfig(AppConfig):
    name = "core"

    def ready(self) -> None:
        from core.grants import capture_by_the_shared_function, grant_application_role

        pre_migrate.connect(capture_by_the_shared_function, dispatch_uid="core.capture")
        post_migrate.connect(grant_application_role, dispatch_uid="core.grants")
