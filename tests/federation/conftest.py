"""What several tests of federations stand on."""

from __future__ import annotations

import pytest

from tests.factories.providers import stand_in


@pytest.fixture
def server(monkeypatch):
    """Both providers, on this machine, with their credentials in the environment."""
    with stand_in() as running:
        for provider in ("ibm", "azure"):
            for name, value in running.environment(provider).items():
                monkeypatch.setenv(name, value)
        monkeypatch.setenv("SITE_CLOUD_DEVICES", "ibm, azure")
        yield running
