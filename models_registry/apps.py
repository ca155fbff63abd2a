from django.apps import AppConfig


class ModelsRegistryConfig(AppConfig):
    name = "models_registry"

    def ready(self) -> None:
        from federation.starting import finds_versions
        from models_registry import subscriptions  # noqa: F401 - a finished run becomes a version
        from models_registry.on_chain import approved_contents
        from models_registry.starting import Versions
        from provenance.subjects import on_subject

        on_subject(approved_contents)
        finds_versions(Versions())
