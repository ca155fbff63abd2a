"""Who is let in from another host, and who is not any more: on the record and the pages, without harm to the run."""

from __future__ import annotations

import io
import os
import re
import socket
import ssl
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from django.conf import settings
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from core.models import Outbox
from federation import door, gate_files, kits, pki
from federation.domain import flare_keys
from federation.domain.messages import Message
from federation.engines import flare_house
from federation.engines import state as engines
from federation.models import Federation, Participant, RefusedEnvelope, SitePass, TrainingRun
from federation.models_sites import FlareRequest
from federation.site import flare as site_flare
from federation.site import join as site_join
from qflethics.launcher.state import ROOT
from tests.factories.federation import make_federation, make_run
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
def site(people, federation, monkeypatch, tmp_path):  # noqa: F811
    """A site that asks for its kit; what it is answered is kept."""
    monkeypatch.setattr(flare_house, "folder", lambda: tmp_path / "flare")
    told: list[Message] = []
    monkeypatch.setattr(kits, "say", lambda channel, message: told.append(message))
    participant = federation.participants.create(institution=people.north, site="phantom-1", public_key="x")

    def asked(**body) -> Message:
        assert kits.answer(participant, Message("kit", participant.site, "coordinator", "kit:1", body)) == "kit"
        return told[-1]

    return SimpleNamespace(participant=participant, ask=asked, home=tmp_path / "home")


def provisioned(participant, request: str) -> SitePass:
    """What the house leaves, with a certificate of any authority, and a key as houses of before drew them."""
    startup = flare_house.folder() / "prod_00" / flare_house.client_name(participant) / "startup"
    startup.mkdir(parents=True)
    (startup / "client.crt").write_text(pki.sign_request(request, channel=participant.channel))
    (startup / "client.key").write_text("the platform's")
    flare_house.current().unlink(missing_ok=True)
    flare_house.current().symlink_to(flare_house.folder() / "prod_00")
    return flare_house.enter(participant, startup.parent)


def test_a_site_draws_its_key_and_takes_the_rest_of_its_kit(site, people, federation, client):  # noqa: F811
    site.home.mkdir()
    channel = site.participant.channel
    request = site_flare.request_of(site.home, channel)
    assert site.ask(request=request).body == {"ready": False}
    client.force_login(people.operator_north)
    page = reverse("site_passes", args=[federation.id])
    assert "A certificate of FLARE is asked for" in client.get(page).content.decode()
    row = provisioned(site.participant, request)
    told = site.ask(request=request)
    assert told.body == {"ready": True} and FlareRequest.objects.count() == 1
    with zipfile.ZipFile(io.BytesIO(told.attachments["kit"])) as packed:
        assert packed.namelist() == [f"{channel}/startup/client.crt"]
    taken = site_flare.unpack(told.attachments["kit"], site.home, channel)
    assert (taken / "startup" / "client.key").read_bytes() == (site.home / site_flare.KEY).read_bytes()
    assert (taken / "startup" / "client.key").stat().st_mode & 0o077 == 0
    site.ask(taken=True)
    row.refresh_from_db()
    assert row.handed_at is not None and row.handed_to is None
    shown = client.get(page).content.decode()
    assert "No run can be carried by NVIDIA FLARE now" in shown and "A certificate of FLARE is asked for" not in shown
    engines.report("flare", "ready", sites={channel: {"state": "working", "heard": 1.0}})
    client.force_login(people.administrator)
    assert "Working" in client.get(page).content.decode()
    client.post(reverse("pass_revoke", args=[row.id]))
    assert "draw another with --new-key" in site.ask(request=request).body["error"]
    participant = Participant.objects.get()
    assert flare_house.clients() == {} and flare_house.client_name(participant) == f"{channel}-2"
    again = site_flare.request_of(site.home, channel, new_key=True)
    assert site.ask(request=again).body == {"ready": False} and list(flare_house.clients()) == [f"{channel}-2"]
    provisioned(participant, again)
    assert site_flare.unpack(site.ask(request=again).attachments["kit"], site.home, channel).name == f"{channel}-2"


def test_what_is_no_request_of_a_site_is_refused_in_words(site):
    def request_of(key, digest=hashes.SHA256()) -> str:  # noqa: B008
        asked = x509.CertificateSigningRequestBuilder(x509.Name([])).sign(key, digest)
        return asked.public_bytes(Encoding.PEM).decode()

    good = request_of(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    body = good.splitlines()
    spoilt = "\n".join([*body[:-3], "A" * len(body[-3]), *body[-2:]])
    for request, said in (
        ("no request", "certificate request in PEM"), (spoilt, "not signed by its own key|in PEM"),
        (request_of(Ed25519PrivateKey.generate(), None), "an RSA key of 2048 bits"),
        (request_of(rsa.generate_private_key(public_exponent=65537, key_size=1024)), "an RSA key of 2048 bits"),
    ):  # fmt: skip
        told = site.ask(request=request)
        assert not told.ok and re.search(said, told.body["error"]), told.body
    assert not FlareRequest.objects.exists()
    FlareRequest.objects.bulk_create(
        [FlareRequest(participant=site.participant, request="x", fingerprint=str(n)) for n in range(kits.MOST_A_DAY)]
    )
    assert "at most 10 keys a day" in site.ask(request=good).body["error"]


def test_a_kit_for_another_site_or_another_key_is_not_used(site):
    site.home.mkdir()
    channel = site.participant.channel
    provisioned(site.participant, flare_keys.request_for(flare_keys.new_key(), channel))
    packed = kits.packed(flare_house.current() / channel)
    site_flare.request_of(site.home, channel)
    with pytest.raises(site_flare.KitError, match="not for this site's key"):
        site_flare.unpack(packed, site.home, channel)
    with pytest.raises(site_flare.KitError, match="expected the kit of other-1"):
        site_flare.unpack(packed, site.home, "other-1")
    with pytest.raises(site_flare.KitError, match="expected an archive"):
        site_flare.unpack(b"no archive", site.home, channel)


def test_a_certificate_of_an_invitation_is_not_against_the_record(people, federation, gate):  # noqa: F811
    invitation = invite(people, federation)[1]
    shown = x509.load_pem_x509_certificate(invitation.certificate.encode())
    assert door.reason_against(shown.public_bytes(Encoding.DER)) == ""
