"""Who is let in from another host, and who is not any more: on the record and the pages, without harm to the run."""

from __future__ import annotations

import io
import os
import socket
import ssl
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.conf import settings
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from core.models import Outbox
from core.roles import Role
from federation import door, gate_files, pki
from federation.engines import flare_house
from federation.engines import state as engines
from federation.models import Federation, RefusedEnvelope, SitePass, TrainingRun
from federation.site import join as site_join
from qflethics.launcher.state import ROOT
from tests.factories.federation import make_federation, make_run
from tests.factories.people import make_user
from tests.federation.test_joining import (  # noqa: F401 - fixtures
    DATA,
    _no_broker_users_left,
    client_of,
    federation,
    gate,
    inbox,
    invite,
    people,
    sign_in_by_hand,
    written,
)
from tests.running import wait

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def joined(people, federation, gate, inbox, tmp_path):  # noqa: F811 - fixtures
    """A hospital that has joined, and a run under way that it takes part in."""
    home = site_join.join(written(tmp_path, invite(people, federation)[1]), DATA, tmp_path / "s")
    Federation.objects.filter(id=federation.id).update(name="Far")
    run = make_run(make_federation(people), state=TrainingRun.State.RUNNING)
    run.config["data_digests"] = {"phantom-1": "a" * 64}
    TrainingRun.objects.filter(id=run.id).update(federation=federation, config=run.config, started_at=timezone.now())
    return home, run


def page_of(client, run: TrainingRun) -> str:
    return client.get(reverse("run", args=[run.id])).content.decode()


def test_a_revoked_certificate_shuts_out_at_once_and_a_new_invitation_lets_in_again(
    joined, people, federation, gate, tmp_path, client  # noqa: F811
):  # fmt: skip
    home, run = joined
    connected = client_of(home)
    assert connected.ping()
    row = SitePass.objects.get()
    assert row.kind == "door" and row.not_after > timezone.now() + timedelta(days=700)
    client.force_login(people.administrator)
    assert client.post(reverse("pass_revoke", args=[row.id])).status_code == 302
    assert client.post(reverse("pass_revoke", args=[row.id])).status_code == 409
    with pytest.raises(redis.exceptions.RedisError):
        connected.execute_command("LLEN", f"site.{home.config.queue}.work")
    for _ in range(3):
        with pytest.raises(redis.exceptions.NoPermissionError, match="was revoked; ask the platform"):
            client_of(home).ping()
    refusal = RefusedEnvelope.objects.get()
    assert (refusal.kind, refusal.run_id) == ("certificate-revoked", run.id)
    assert Outbox.objects.filter(table="federation_sitepass").count() == 2
    assert Outbox.objects.filter(table="federation_refusedenvelope").count() == 1
    page = page_of(client, run)
    assert "Certificate revoked" in page and "the run goes on" in page
    run.refresh_from_db()
    assert run.state == TrainingRun.State.RUNNING
    shown = client.get(reverse("site_passes", args=[federation.id])).content.decode()
    assert "Revoked" in shown and row.fingerprint[:24] in shown
    again = site_join.join(written(tmp_path, invite(people, federation)[1]), DATA, tmp_path / "s")
    assert client_of(again).ping()


def test_an_expired_certificate_is_refused_in_words_and_on_the_record_of_the_run(joined, people, client):  # noqa: F811
    home, run = joined
    expired, key = pki.site_certificate(home.config.queue, days=-1)
    (home.folder / "tls" / "certificate.pem").write_text(expired)
    (home.folder / "tls" / "key.pem").write_text(key)
    for _ in range(2):
        with pytest.raises(redis.exceptions.NoPermissionError, match="the certificate ended at"):
            client_of(home).ping()
    refusal = RefusedEnvelope.objects.get()
    assert (refusal.kind, refusal.run_id) == ("certificate-expired", run.id)
    client.force_login(people.auditor)
    assert "Certificate expired" in page_of(client, run)


def test_a_site_that_was_put_out_is_unknown_at_the_door(joined, federation):  # noqa: F811
    home, _ = joined
    federation.participants.update(is_active=False)
    with pytest.raises(redis.exceptions.NoPermissionError, match="takes no part"):
        client_of(home).ping()
    assert RefusedEnvelope.objects.get().kind == "unknown-site"


def test_one_code_in_two_federations_has_two_queues(people, federation, gate, inbox, tmp_path):  # noqa: F811
    other = Federation.objects.create(
        name="Other", purpose="Testing", data_title="Phantom", task="segmentation", synthetic=True
    )
    homes = []
    for number, found in enumerate((federation, other)):
        file = written(tmp_path, invite(people, found)[1], f"{number}.json")
        homes.append(site_join.join(file, DATA, tmp_path / f"{number}"))
    here, there = homes
    assert here.config.queue != there.config.queue and here.config.site == there.config.site == "phantom-1"
    with pytest.raises(redis.exceptions.NoPermissionError):
        client_of(here).lrange(f"site.{there.config.queue}.work", 0, -1)
    with pytest.raises(site_join.JoinError, match="belongs to"):
        site_join.join(written(tmp_path, invite(people, other)[1], "again.json"), DATA, tmp_path / "0")


def test_the_doors_files_are_made_by_who_holds_the_authority_and_made_again_in_time(settings, tmp_path, monkeypatch):
    settings.VAR = tmp_path
    settings.GATE_URL = "rediss://127.0.0.1:6380"
    assert gate_files.address().port == 6380
    assert gate_files.renew("127.0.0.1") and not gate_files.renew("127.0.0.1")
    files = gate_files.paths()
    assert files["key"].stat().st_mode & 0o077 == 0 and files["key"].parent.stat().st_mode & 0o077 == 0
    first = files["certificate"].read_bytes()
    assert gate_files.renew("audit.example.org")  # the platform got another name
    monkeypatch.setattr(gate_files, "FRESH_SECONDS", -1)
    assert gate_files.renew("audit.example.org") and files["certificate"].read_bytes() != first
    settings.GATE_URL = "redis://127.0.0.1:6380"
    with pytest.raises(ValueError, match="expected QFL_GATE_URL as rediss://host:port"):
        gate_files.address()


def test_the_command_opens_the_door_and_closes_it_when_told(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "manage.py", "run_gate"], cwd=ROOT,
        env={**os.environ, "QFL_GATE_URL": f"rediss://127.0.0.1:{port}"},
    )  # fmt: skip
    try:
        certificate, key = pki.site_certificate("phantom-1-f0f0f0f0", days=1)
        for name, text in (("a", pki.authority_pem()), ("c", certificate), ("k", key)):
            (tmp_path / name).write_text(text)
        context = ssl.create_default_context(cafile=tmp_path / "a")
        context.load_cert_chain(tmp_path / "c", tmp_path / "k")
        wait(lambda: listens(port), what="the door to open", seconds=60)
        with pytest.raises(OSError, match="WRONGPASS"):  # it is the broker that answers, behind the door
            sign_in_by_hand(context, port, "site.phantom-1-f0f0f0f0")
        assert (Path(settings.VAR) / "health" / "gate").exists()
    finally:
        process.terminate()
    assert process.wait(20) == 0


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_commands_that_lack_their_address_say_so(settings):  # noqa: F811 - the fixture
    settings.GATE_URL = settings.FLARE_ADDRESS = ""
    with pytest.raises(CommandError, match="expected QFL_GATE_URL as rediss://host:port"):
        call_command("run_gate")
    with pytest.raises(CommandError, match="expected QFL_FLARE as host:port"):
        call_command("run_flare")


@pytest.fixture
def kit(people, federation, monkeypatch, tmp_path):  # noqa: F811
    """A kit as provisioning leaves it, with a certificate of any authority."""
    monkeypatch.setattr(flare_house, "folder", lambda: tmp_path / "flare")
    participant = federation.participants.create(institution=people.north, site="phantom-1", public_key="x")
    startup = tmp_path / "flare" / "prod_00" / participant.channel / "startup"
    startup.mkdir(parents=True)
    certificate, key = pki.site_certificate(participant.channel, days=300)
    (startup / "client.crt").write_text(certificate)
    (startup / "client.key").write_text(key)
    flare_house.current().symlink_to(tmp_path / "flare" / "prod_00")
    return flare_house.enter(participant, startup.parent)


def test_a_kit_is_handed_over_once_and_to_the_sites_own_operator(kit, people, federation, client):  # noqa: F811
    url, page = reverse("pass_kit", args=[kit.id]), reverse("site_passes", args=[federation.id])
    other = make_user("operator.other@test.example", Role.SITE_OPERATOR, people.south)
    for person, status in ((other, 404), (people.administrator, 403), (people.operator_north, 200)):
        client.force_login(person)
        answer = client.post(url)
        assert answer.status_code == status, person
    names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
    assert sorted(names) == [f"{kit.participant.channel}/startup/client.{end}" for end in ("crt", "key")]
    assert answer["Cache-Control"] == "no-store"
    assert client.post(url).status_code == 409
    shown = client.get(page).content.decode()
    assert "Download the kit" not in shown and "No run can be carried by NVIDIA FLARE now" in shown
    kit.refresh_from_db()
    assert kit.handed_to == people.operator_north
    engines.report("flare", "ready", sites={kit.participant.channel: {"state": "working", "heard": 1.0}})
    client.force_login(people.administrator)
    assert "Working" in client.get(page).content.decode()
    client.post(reverse("pass_revoke", args=[kit.id]))
    assert flare_house.client_name(kit.participant) == f"{kit.participant.channel}-2"


def test_a_certificate_of_an_invitation_is_not_against_the_record(people, federation, gate):  # noqa: F811
    invitation = invite(people, federation)[1]
    shown = x509.load_pem_x509_certificate(invitation.certificate.encode())
    assert door.reason_against(shown.public_bytes(Encoding.DER)) == ""
