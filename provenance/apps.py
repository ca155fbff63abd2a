from django.apps import AppConfig


class ProvenanceConfig(AppConfig):
    name = "provenance"

    def ready(self) -> None:
        from core import jobs, process
        from provenance import metrics
        from provenance.api import verification

        process.HEALTH_NOTES.append(metrics.health_note)
        jobs.handles(verification.KIND)(verification.verification_handle)
