from django.apps import AppConfig


class PosthocConfig(AppConfig):
    name = "audits.posthoc"
    label = "audits_posthoc"

    def ready(self) -> None:
        from audits.posthoc import subscriptions  # noqa: F401 - registers job handlers
