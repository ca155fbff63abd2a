from django.apps import AppConfig


class ProvenanceConfig(AppConfig):
    name = "provenance"

    def ready(self) -> None:
        from accounts.erasure import when_erased
        from core import jobs, process
        from provenance import checking, erasing, metrics

        process.HEALTH_NOTES.append(metrics.health_note)
        when_erased("person", erasing.person_forget)
        jobs.handles(checking.KIND)(checking.verification_handle)
