from django.apps import AppConfig


class ProvenanceConfig(AppConfig):
    name = "provenance"

    def ready(self) -> None:
        from core import jobs
        from provenance.api import verification

        jobs.handles(verification.KIND)(verification.verification_handle)
