from django.apps import AppConfig


class RuntimeConfig(AppConfig):
    name = "audits.runtime"
    label = "audits_runtime"

    def ready(self) -> None:
        from audits.runtime import (
            replaying,
            subscriptions,  # noqa: F401 - registers job handlers
        )

        replaying.register_all()
