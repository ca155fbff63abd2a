from django.apps import AppConfig


class RuntimeConfig(AppConfig):
    name = "audits.runtime"
    label = "audits_runtime"

    def ready(self) -> None:
        from audits.runtime import (
            metrics,
            replaying,
            subscriptions,  # noqa: F401 - registers job handlers
        )
        from provenance.metrics import SOURCES

        replaying.register_all()
        SOURCES.append(metrics.runtime_metrics)
