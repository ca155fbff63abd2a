"""In FLARE's provisioning, under `.venv-flare`: certificates of clients for keys that the sites drew themselves.

FLARE's own builder draws the key of every participant, so that whoever provisions could speak as any hospital.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from nvflare.lighter.constants import ParticipantType
from nvflare.lighter.ctx import ProvisionContext
from nvflare.lighter.entity import Participant
from nvflare.lighter.impl.cert import DEFAULT_CERT_VALID_DAYS, CertBuilder
from nvflare.lighter.utils import serialize_cert


class RequestedCerts(CertBuilder):
    """Signs the request NAME.csr in `requests` for each client, and writes no key for it."""

    def __init__(self, requests: str, root_valid_days: int) -> None:
        super().__init__(root_valid_days)
        self._requests = Path(requests)

    def _build_write_cert_pair(self, participant: Participant, base_name: str, ctx: ProvisionContext) -> None:
        if participant.type != ParticipantType.CLIENT:
            super()._build_write_cert_pair(participant, base_name, ctx)
            return
        asked = x509.load_pem_x509_csr((self._requests / f"{participant.name}.csr").read_bytes())
        found = self._kept(participant.subject, asked.public_key()) or self._issued(participant, asked.public_key())
        self.persistent_state.content[participant.subject] = {"cert": serialize_cert(found).decode()}
        kit = Path(ctx.get_kit_dir(participant))
        (kit / f"{base_name}.crt").write_bytes(serialize_cert(found))
        (kit / "rootCA.pem").write_bytes(self.serialized_cert)

    def _kept(self, subject: str, key: Any) -> x509.Certificate | None:
        """The certificate that was issued before, if it is for this key."""
        text = self.persistent_state.get_subject_cert(subject)
        found = x509.load_pem_x509_certificate(text.encode()) if text else None
        return found if found is not None and found.public_key() == key else None

    def _issued(self, participant: Participant, key: Any) -> x509.Certificate:
        now = datetime.now(UTC)
        end = min(self.root_cert.not_valid_after_utc, now + timedelta(days=DEFAULT_CERT_VALID_DAYS))
        return self._generate_cert(
            participant.subject, participant.org, self.issuer, self.pri_key, key, not_valid_before=now,
            not_valid_after=end,
        )  # fmt: skip
