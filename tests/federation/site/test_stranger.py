"""A site's worker is a stranger: it runs without a database address, without Django, and sees only its own keys."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid

import pytest
import redis
from django.conf import settings

from federation.provisioning import site_provision
from federation.site.home import SiteHome
from qflethics.launcher import platform

FEDERATION = uuid.UUID("f0" * 16)
LOADED = """
import os, sys
os.environ["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/none"  # unreachable: any connection would fail
import federation.site.worker, audits.predeployment.site, federation.domain.learning.local
print(sorted(name for name in ("django.db", "psycopg2", "core", "accounts") if name in sys.modules))
"""


# (kombu itself imports django.utils where Django is installed; the ORM is django.db.)
def test_the_worker_imports_no_orm_and_needs_no_database():
    hidden = {name: value for name, value in os.environ.items() if name not in platform.SECRETS}
    answer = subprocess.run([sys.executable, "-c", LOADED], env=hidden, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


@pytest.fixture
def two_sites(tmp_path):
    homes = {}
    for site in ("here", "there"):
        site_provision(folder=tmp_path / site, site=site, data="phantom", federation_id=FEDERATION)
        homes[site] = SiteHome(tmp_path / site)
    return homes


def test_a_sites_redis_user_touches_only_its_own_keys(two_sites):
    here = redis.Redis.from_url(two_sites["here"].config.redis_url)
    here.lpush("site.here-f0f0f0f0.results", "x")
    assert here.rpop("site.here-f0f0f0f0.results") == b"x"
    for attempt in (
        lambda: here.lpush("site.there-f0f0f0f0.results", "x"),
        lambda: here.rpop("site.there-f0f0f0f0.work"),
        lambda: here.lpush("coordinator.coordinator", "x"),
        lambda: here.keys("*"),
        lambda: here.config_get("*"),
        lambda: here.flushall(),
        lambda: here.acl_list(),
    ):
        with pytest.raises(redis.exceptions.NoPermissionError):
            attempt()


def test_the_folder_is_private_and_keeps_its_key_when_provisioned_again(two_sites, tmp_path):
    home = two_sites["here"]
    before = (home.folder / "key").read_bytes()
    site_provision(folder=tmp_path / "here", site="here", data="phantom", federation_id=FEDERATION)
    assert (home.folder / "key").read_bytes() == before
    assert (home.folder / "key").stat().st_mode & 0o077 == 0
    assert settings.SECRET_KEY not in (home.folder / "site.json").read_text()
