"""A version that was trained on data like UCI Heart Disease, and an outside board with patients in that layout."""

from __future__ import annotations

import io
import zipfile
from datetime import timedelta

import numpy as np
from django.utils import timezone

from audits.predeployment.external import services
from audits.predeployment.models import ExternalAudit, ExternalData
from core import jobs
from core.models import Job
from federation.domain.data.heart import FEATURES
from federation.models import DataManifest
from models_registry.models import Version
from tests.factories import federation
from tests.factories.federation import World
from tests.factories.registry import make_version


def make_heart_version(world: World, monkeypatch) -> Version:
    specs = federation.default_specs
    monkeypatch.setattr(federation, "default_specs", lambda task, *_: specs(task, len(FEATURES)))
    for manifest in DataManifest.objects.all():
        content = {**manifest.content, "source": "heart", "shape": [len(FEATURES)], "feature_names": list(FEATURES)}
        DataManifest.objects.filter(id=manifest.id).update(content=content)
    return make_version(world)


def make_phantom_version(world: World) -> Version:
    """The same with data that are drawn, so that no board can bring any."""
    for manifest in DataManifest.objects.all():
        DataManifest.objects.filter(id=manifest.id).update(content={**manifest.content, "source": "phantom"})
    return make_version(world)


def heart_lines(n: int = 120, seed: int = 0) -> bytes:
    """Patients in the layout of a `processed.*.data` file."""
    rng, lines = np.random.default_rng(seed), []
    for _ in range(n):
        cells = [
            rng.integers(35, 75), rng.integers(0, 2), rng.integers(1, 5), rng.integers(100, 180),
            rng.integers(150, 350), rng.integers(0, 2), rng.integers(0, 3), rng.integers(90, 190),
            rng.integers(0, 2), 1.5, rng.integers(1, 4),
            rng.integers(0, 4), rng.choice([3, 6, 7]), rng.integers(0, 3),
        ]  # fmt: skip
        lines.append(",".join(str(cell) for cell in cells))
    return "\n".join(lines).encode()


def zipped(**files: bytes) -> bytes:
    """An archive; `__` in a keyword stands for a dot."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "."), content)
    return out.getvalue()


def heart_zip(**how) -> bytes:
    return zipped(processed__cleveland__data=heart_lines(**how))


def invite(version: Version, actor, **given) -> ExternalAudit:
    fields = {
        "board": "Ethics Board of the Region", "name": "Ada", "email": "ada@board.example",
        "checks": ["bias_score", "aif360"], "expires_at": timezone.now() + timedelta(days=7),
        "purpose": "A second look.",
        **given,
    }  # fmt: skip
    return services.external_invite(version=version, actor=actor, **fields)


def work(kind: str) -> list[Job]:
    """Run the jobs of a kind that are due."""
    due = list(Job.objects.filter(kind=kind, state=Job.State.QUEUED, next_run_at__lte=timezone.now()))
    for job in due:
        assert jobs.run(job.id), Job.objects.get(id=job.id).last_error
    return due


def ready_data(external: ExternalAudit, **how) -> ExternalData:
    made = services.data_upload(external=external, site="cleveland", data=heart_zip(**how), actor=external.auditor)
    work("external.data")
    made.refresh_from_db()
    return made
