from django.apps import AppConfig


class HomeConfig(AppConfig):
    name = "qflethics.home"
    label = "home"

    def ready(self) -> None:
        import qflethics.celery  # noqa: F401 - every process, also a management command, rings our broker
        import qflethics.home.telling  # noqa: F401 - subscribes to what people are told of
