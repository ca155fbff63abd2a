from django.apps import AppConfig


class PredeploymentConfig(AppConfig):
    name = "audits.predeployment"
    label = "audits_predeployment"

    def ready(self) -> None:
        from audits.predeployment import subscriptions  # noqa: F401 - registers job handlers
