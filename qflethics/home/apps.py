from django.apps import AppConfig


class HomeConfig(AppConfig):
    name = "qflethics.home"
    label = "home"
