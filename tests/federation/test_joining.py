"""Inviting a hospital and letting it in: over TLS, once, in time, and only as itself."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import uuid
from datetime import timedelta
from urllib.parse import unquote, urlsplit

import pytest
import redis
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from core.errors import ApplicationError, Conflict, Forbidden
from core.roles import Role
from federation import joining, kits, mailbox, pki
from federation.domain.invitation import Invitation, InvitationError, fingerprint
from federation.engines import flare_kit
from federation.engines import state as engines
from federation.engines.choice import ENGINES, engine_of
from federation.gate import signs_in_as
from federation.models import Federation, Participant, SiteInvitation, SiteOrder, SitePass
from federation.site import flare as site_flare
from federation.site import join as site_join
from federation.site.home import SiteHome
from federation.site.wire import tls_options
from qflethics.launcher.state import ROOT
from tests.factories.gate import RunningGate
from tests.factories.people import make_people, make_user
from tests.running import wait

pytestmark = pytest.mark.django_db(transaction=True)
DATA = "phantom:?patients=40&sites=2"
FEDERATION = uuid.UUID("f0" * 16)
FIRST, SECOND = "site.phantom-1-f0f0f0f0", "site.phantom-2-f0f0f0f0"  # broker users, and what their keys begin with


class RunningInbox:
    """The inbox's loop in this process."""

    def __init__(self) -> None:
        self.inbox = mailbox.Inbox(joins=joining.join_receive)
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        from django.db import connection

        while not self.stopped.wait(0.02):
            participants = list(Participant.objects.filter(is_active=True))
            self.inbox.poll(participants, invited=joining.sites_expected())
        connection.close()

    def stop(self) -> None:
        self.stopped.set()
        self.thread.join(10)


@pytest.fixture
def gate(tmp_path, settings):
    running = RunningGate(tmp_path)
    settings.GATE_URL = running.url
    yield running
    running.stop()


@pytest.fixture
def inbox():
    running = RunningInbox()
    yield running
    running.stop()


@pytest.fixture
def people():
    return make_people()


@pytest.fixture
def federation():
    return Federation.objects.create(
        id=FEDERATION, name="Trial", purpose="Testing", data_title="Phantom", task="segmentation", synthetic=True
    )


@pytest.fixture(autouse=True)
def _no_broker_users_left():
    yield
    client = redis.Redis.from_url(settings.REDIS_URL)
    for user in client.execute_command("ACL", "USERS"):
        if user.startswith(b"site.phantom"):
            client.execute_command("ACL", "DELUSER", user)
    for key in client.keys("site.phantom*"):
        client.delete(key)


def invite(people, federation, site="phantom-1", **given) -> tuple[SiteInvitation, Invitation]:
    institution = people.north if site == "phantom-1" else people.south
    return joining.invitation_issue(
        federation=federation, institution=institution, site=site, actor=people.administrator, **{"days": 1, **given}
    )


def written(tmp_path, invitation: Invitation, name: str = "invitation.json"):
    file = tmp_path / name
    file.write_text(invitation.as_text())
    return file


def client_of(home: SiteHome) -> redis.Redis:
    url = home.config.redis_url
    return redis.Redis.from_url(url, **(tls_options(url, home.folder / "tls") or {}))


def test_a_hospital_joins_with_one_command_and_is_asked_for_its_manifest(people, federation, gate, inbox, tmp_path):
    row, invitation = invite(people, federation)
    code = site_join.main([str(written(tmp_path, invitation)), "--data", DATA, "--home", str(tmp_path / "s"),
                           "--no-start"])  # fmt: skip
    assert code == 0
    home = SiteHome(tmp_path / "s")
    participant = Participant.objects.get()
    assert (participant.site, participant.institution) == ("phantom-1", people.north)
    row.refresh_from_db()
    assert row.state == "joined" and row.public_key == participant.public_key
    assert SiteOrder.objects.get().kind == "manifest"
    assert client_of(home).ping()
    assert sorted(path.name for path in (home.folder / "tls").iterdir()) == [
        "authority.pem",
        "certificate.pem",
        "key.pem",
    ]
    assert (home.folder / "key").stat().st_mode & 0o077 == 0
    assert invitation.token not in json.dumps(list(SiteInvitation.objects.values()), default=str)


def test_a_hospital_joins_over_flare_alone_and_the_door_closes_behind_it(
    people, federation, gate, inbox, tmp_path, monkeypatch
):
    _, invitation = invite(people, federation)
    monkeypatch.setattr(flare_kit, "python", lambda: "of FLARE")
    monkeypatch.setattr(kits, "kit_of", lambda participant: _provisioned(tmp_path / "prod_00", participant))
    here = {"invitation.json": written(tmp_path, invitation), "heart:/srv/data": DATA, "/srv/qfl-site": tmp_path / "s"}
    words = documented("--flare")
    assert set(here) < set(words)
    assert site_join.main([str(here.get(word, word)) for word in words] + ["--no-start"]) == 0
    home, participant = SiteHome(tmp_path / "s"), Participant.objects.get()
    assert home.config.redis_url == "" and participant.is_over_flare and not (home.folder / "tls").exists()
    assert site_flare.held_kit(home.folder, participant.channel) is not None
    assert not SitePass.objects.filter(kind="door").exists()
    wait(lambda: redis.Redis.from_url(settings.REDIS_URL).execute_command("ACL", "GETUSER", FIRST) is None,
         what="the broker's user to be taken away", seconds=10)  # fmt: skip
    order = SiteOrder.objects.get(kind="manifest")
    assert engine_of(order) is ENGINES["flare"]
    with pytest.raises(Conflict, match="phantom-1 joined over NVIDIA FLARE alone"):
        engines.refuse_what_cannot_reach("local", [participant])
    engines.refuse_what_cannot_reach("flare", [participant])
    with pytest.raises(site_join.JoinError, match="did not let this site in"):  # nothing is left that opens
        site_join.join(written(tmp_path, invitation), DATA, tmp_path / "again")


def documented(end: str) -> list[str]:
    """The arguments of the command that joins, as docs/operations/site.md shows it with this end."""
    start = ".venv/bin/python -m federation.site join "
    lines = (ROOT / "docs" / "operations" / "site.md").read_text().splitlines()
    return next(line for line in lines if line.startswith(start) and line.endswith(end)).removeprefix(start).split()


def _provisioned(folder, participant):
    """What FLARE's provisioning makes of the site's request; its certificate is of another authority here."""
    startup = folder / participant.channel / "startup"
    startup.mkdir(parents=True, exist_ok=True)
    asked = participant.flare_requests.get().request
    (startup / "client.crt").write_text(pki.sign_request(asked, channel=participant.channel))
    return startup.parent


def test_an_invitation_opens_once(people, federation, gate, inbox, tmp_path):
    _, invitation = invite(people, federation)
    file = written(tmp_path, invitation)
    site_join.join(file, DATA, tmp_path / "first")
    with pytest.raises(site_join.JoinError, match="did not let this site in.*neither used nor withdrawn"):
        site_join.join(file, DATA, tmp_path / "second")
    assert Participant.objects.get().public_key == SiteInvitation.objects.get().public_key


def test_a_join_whose_answer_was_lost_is_run_again(people, federation, gate, inbox, tmp_path, monkeypatch):
    _, invitation = invite(people, federation)
    file = written(tmp_path, invitation)
    real = site_join.ask

    def cut_off(*given, **chosen):
        real(*given, **chosen)
        raise KeyboardInterrupt

    monkeypatch.setattr(site_join, "ask", cut_off)
    with pytest.raises(KeyboardInterrupt):
        site_join.join(file, DATA, tmp_path / "s")
    key = (tmp_path / "s" / "key").read_bytes()
    monkeypatch.setattr(site_join, "ask", real)
    home = site_join.join(file, DATA, tmp_path / "s")
    assert (home.folder / "key").read_bytes() == key
    assert client_of(home).ping()
    assert Participant.objects.count() == 1


def test_a_site_touches_neither_anothers_keys_nor_the_platforms(people, federation, gate, inbox, tmp_path):
    homes = {}
    for site in ("phantom-1", "phantom-2"):
        _, invitation = invite(people, federation, site)
        homes[site] = site_join.join(written(tmp_path, invitation, f"{site}.json"), DATA, tmp_path / site)
    a = client_of(homes["phantom-1"])
    a.lpush(f"{FIRST}.probe", "x")
    assert a.rpop(f"{FIRST}.probe") == b"x"
    for attempt in (
        lambda: a.lpush(f"{SECOND}.work", "x"), lambda: a.lrange(f"{SECOND}.results", 0, -1),
        lambda: a.brpop(f"{SECOND}.work", 1), lambda: a.lpush("coordinator", "x"), lambda: a.get("celery"),
        lambda: a.publish(f"{SECOND}.x", "x"), lambda: a.keys("*"), lambda: a.acl_list(),
        lambda: a.flushall(), lambda: a.config_get("*"), lambda: a.eval("return redis.call('get', 'x')", 0),
        lambda: a.execute_command("SORT", f"{FIRST}.x", "BY", "nosort", "GET", f"{SECOND}.*"),
        lambda: a.execute_command("MIGRATE", "127.0.0.1", "1", f"{FIRST}.x", "0", "1"),
    ):  # fmt: skip
        with pytest.raises((redis.exceptions.NoPermissionError, redis.exceptions.ResponseError)) as refused:
            attempt()
        assert any(word in str(refused.value) for word in ("permission", "NOPERM", "can't access")), refused.value


def test_a_password_is_worth_nothing_with_another_certificate(people, federation, gate, inbox, tmp_path):
    homes = {}
    for site in ("phantom-1", "phantom-2"):
        _, invitation = invite(people, federation, site)
        homes[site] = site_join.join(written(tmp_path, invitation, f"{site}.json"), DATA, tmp_path / site)
    stolen = homes["phantom-2"].config.redis_url
    with pytest.raises(redis.exceptions.RedisError, match="certificate"):
        redis.Redis.from_url(stolen, **tls_options(stolen, homes["phantom-1"].folder / "tls")).ping()
    platforms = stolen.replace(SECOND, "default")
    with pytest.raises(redis.exceptions.RedisError, match="certificate"):
        redis.Redis.from_url(platforms, **tls_options(platforms, homes["phantom-1"].folder / "tls")).ping()


@pytest.mark.parametrize(
    ("fault", "said"),
    [("none", "alert certificate required|certificate required|closed"), ("expired", "the certificate ended at"),
     ("stranger", "unknown ca|bad signature|decrypt|closed")],
)  # fmt: skip
def test_the_door_opens_to_certificates_of_the_platform_alone(gate, tmp_path, monkeypatch, fault, said):
    ours = pki.authority_pem()
    if fault == "stranger":
        monkeypatch.setattr(pki, "secret", lambda name: b"s" * 32)
    certificate, key = pki.site_certificate("phantom-1", days=-1 if fault == "expired" else 1)
    for name, text in (("a", ours), ("c", certificate), ("k", key)):
        (tmp_path / name).write_text(text)
    context = ssl.create_default_context(cafile=tmp_path / "a")
    if fault != "none":
        context.load_cert_chain(tmp_path / "c", tmp_path / "k")
    with pytest.raises(OSError, match=f"(?i){said}"):
        sign_in_by_hand(context, gate.port)


def sign_in_by_hand(context: ssl.SSLContext, port: int, user: str = "site.phantom-1") -> None:
    with (
        socket.create_connection(("127.0.0.1", port), 5) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as tls,
    ):
        tls.sendall(f"*3\r\n$4\r\nAUTH\r\n${len(user)}\r\n{user}\r\n$1\r\nx\r\n".encode())
        if (said := tls.recv(200)).startswith(b"-"):
            raise OSError(said.decode())
        if not said:
            raise OSError("closed")


def test_a_site_believes_only_the_platforms_authority_and_name(people, federation, gate, tmp_path, monkeypatch):
    _, invitation = invite(people, federation)
    folder = tmp_path / "tls"
    folder.mkdir()
    for name, text in (("certificate", invitation.certificate), ("key", invitation.certificate_key)):
        (folder / f"{name}.pem").write_text(text)
    (folder / "authority.pem").write_text(invitation.ca)
    wrong_name = f"rediss://{FIRST}:{invitation.token}@localhost:{gate.port}"
    with pytest.raises(redis.exceptions.ConnectionError, match="(?i)mismatch|not valid for"):
        redis.Redis.from_url(wrong_name, **tls_options(wrong_name, folder)).ping()
    monkeypatch.setattr(pki, "secret", lambda name: b"s" * 32)
    (folder / "authority.pem").write_text(pki.authority_pem())
    right = wrong_name.replace("localhost", "127.0.0.1")
    with pytest.raises(redis.exceptions.ConnectionError, match="(?i)verify failed"):
        redis.Redis.from_url(right, **tls_options(right, folder)).ping()


@pytest.mark.parametrize("end", ["withdrawn", "expired"])
def test_an_ended_invitation_opens_nothing(people, federation, gate, inbox, tmp_path, end):
    row, invitation = invite(people, federation)
    if end == "withdrawn":
        joining.invitation_revoke(invitation=row, actor=people.administrator)
    else:
        SiteInvitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
        assert joining.invitations_expire() == 1
        assert joining.invitations_expire() == 0
    with pytest.raises(site_join.JoinError, match="did not let this site in"):
        site_join.join(written(tmp_path, invitation), DATA, tmp_path / "s")
    assert not Participant.objects.exists()
    with pytest.raises(Conflict, match="only an open one"):
        joining.invitation_revoke(invitation=row, actor=people.administrator)


def test_joining_again_replaces_the_key_and_leaves_the_worker_alone_until_then(
    people, federation, gate, inbox, tmp_path
):
    _, first = invite(people, federation)
    old = site_join.join(written(tmp_path, first), DATA, tmp_path / "old")
    _, second = invite(people, federation)
    assert client_of(old).ping()
    new = site_join.join(written(tmp_path, second), DATA, tmp_path / "new")
    assert client_of(new).ping()
    with pytest.raises(redis.exceptions.AuthenticationError):
        client_of(old).ping()
    assert Participant.objects.get().public_key == joining.dump_public(new.key)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"site": "Not A Code"}, "Expected a code"), ({"days": 0}, "Expected 1 to 14 days"),
        ({"days": 99}, "Expected 1 to 14 days"),
    ],
)  # fmt: skip
def test_what_cannot_be_an_invitation_is_refused_in_words(people, federation, gate, given, said):
    with pytest.raises(ApplicationError, match=said):
        invite(people, federation, **given)


def test_codes_belong_to_one_institution(people, federation, gate):
    Participant.objects.create(federation=federation, institution=people.south, site="phantom-1", public_key="x")
    with pytest.raises(Conflict, match="belongs to"):
        invite(people, federation)
    with pytest.raises(Conflict, match="already takes part as phantom-1"):
        invite(people, federation, "phantom-2")


def test_without_a_door_nobody_is_invited(people, federation, settings):
    settings.GATE_URL = ""
    with pytest.raises(Conflict, match="QFL_GATE_URL"):
        invite(people, federation)


def test_bad_data_are_found_before_anything_is_sent(people, federation, gate, tmp_path, capsys):
    _, invitation = invite(people, federation)
    code = site_join.main([str(written(tmp_path, invitation)), "--data", "heart:/nowhere", "--home",
                           str(tmp_path / "s"), "--no-start"])  # fmt: skip
    assert code == 2
    assert "Nothing was sent" in capsys.readouterr().err
    assert SiteInvitation.objects.get().state == "open"
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("fault", ["not json", "[]", "version", "plain", "extra", "old", "large"])
def test_a_file_that_is_no_invitation_is_refused_in_words(people, federation, gate, fault):
    _, invitation = invite(people, federation)
    raw = json.loads(invitation.as_text())
    text, said, now = fault, "expected the file", None
    if fault == "version":
        text = json.dumps({**raw, "v": 3})
    elif fault == "plain":
        text = json.dumps({**raw, "broker_url": "redis://h:1"})
    elif fault == "extra":
        text = json.dumps({**raw, "more": 1})
    elif fault == "old":
        text, said, now = json.dumps(raw), "ended at", timezone.now() + timedelta(days=2)
    elif fault == "large":
        text, said = " " * 70_000, "at most"
    with pytest.raises(InvitationError, match=said):
        Invitation.from_text(text, now=now)
    assert Invitation.from_text(json.dumps(raw)) == invitation


@pytest.mark.parametrize(
    "second",
    [
        ("AUTH", "{user}", "{password}"), ("auth", "{user}", "{password}"), ("RESET",),
        ("HELLO", "3", "AUTH", "{user}", "{password}"),
    ],
)  # fmt: skip
def test_nobody_becomes_another_user_after_the_first_command(people, federation, gate, inbox, tmp_path, second):
    homes = {}
    for site in ("phantom-1", "phantom-2"):
        _, invitation = invite(people, federation, site)
        homes[site] = site_join.join(written(tmp_path, invitation, f"{site}.json"), DATA, tmp_path / site)
    other = urlsplit(homes["phantom-2"].config.redis_url)
    words = [word.format(user=other.username, password=unquote(other.password or "")) for word in second]
    connection = client_of(homes["phantom-1"]).connection_pool.get_connection()
    connection.send_command("LLEN", f"{FIRST}.probe")
    assert connection.read_response() == 0
    connection.send_command(*words)
    with pytest.raises(redis.exceptions.ConnectionError):
        connection.read_response()


def test_a_large_value_passes_the_door_whole(people, federation, gate, inbox, tmp_path):
    _, invitation = invite(people, federation)
    client = client_of(site_join.join(written(tmp_path, invitation), DATA, tmp_path / "s"))
    value = b"\r\n*3\r\n$4\r\nAUTH\r\n" * 100_000  # looks like a sign-in, and is none
    client.lpush(f"{FIRST}.x", value, b"")
    assert client.lrange(f"{FIRST}.x", 0, -1) == [b"", value]
    client.delete(f"{FIRST}.x")


def test_a_site_is_invited_by_its_own_administrator_or_the_platforms(people, federation, gate):
    theirs = make_user("administrator.south@test.example", Role.ADMINISTRATOR, people.south)
    given = {"federation": federation, "institution": people.north, "site": "phantom-1", "days": 1}
    with pytest.raises(Forbidden):
        joining.invitation_issue(**given, actor=theirs)
    row, _ = joining.invitation_issue(**given, actor=people.administrator)
    with pytest.raises(Forbidden):
        joining.invitation_revoke(invitation=row, actor=theirs)
    joining.invitation_issue(**{**given, "institution": people.south, "site": "phantom-2"}, actor=theirs)


def test_a_request_to_join_that_nests_too_deep_is_refused_and_ends_nothing(people, federation, gate):
    deep = '{"kind": "join", "x": ' + "[" * 5000 + "]" * 5000 + "}"
    assert joining.join_receive("phantom-1", deep) == "refused"


def test_a_first_command_that_signs_nobody_in():
    assert signs_in_as([b"AUTH", b"site.a", b"p"]) == "site.a"
    assert signs_in_as([b"hello", b"3", b"auth", b"site.a", b"p"]) == "site.a"
    twice = [b"HELLO", b"3", b"AUTH", b"site.a", b"p", b"AUTH", b"site.b", b"q"]  # the broker would take the last one
    for words in (twice, [b"PING"], [b"AUTH", b"p"], [b"HELLO", b"3"], [b"AUTH", b"a", b"b", b"c"], []):
        assert signs_in_as(words) is None


def signed_in(person) -> Client:
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    return client


def test_the_page_hands_out_a_file_and_shows_how_it_stands(people, federation, gate, inbox, tmp_path):
    client, url = signed_in(people.administrator), reverse("site_invite", args=[federation.id])
    assert "Nobody was invited yet" in client.get(url).content.decode()
    answer = client.post(url, {"institution": people.north.id, "site": "phantom-1", "days": 2})
    assert answer.status_code == 200 and answer["Cache-Control"] == "no-store"
    assert answer["Content-Disposition"] == 'attachment; filename="invitation-phantom-1.json"'
    page = client.get(url).content.decode()
    assert "Open" in page and "Withdraw" in page
    again = client.post(url, {"institution": people.north.id, "site": "phantom-1", "days": 2})
    assert again.status_code == 409 and "has an open invitation" in again.content.decode()
    (tmp_path / "i").write_bytes(answer.content)
    home = site_join.join(tmp_path / "i", DATA, tmp_path / "s")
    assert fingerprint(joining.dump_public(home.key)) in client.get(url).content.decode()


def test_the_sites_own_operator_downloads_the_invitation_once(people, federation, gate, inbox, tmp_path):
    Participant.objects.create(federation=federation, institution=people.north, site="phantom-1", public_key="x")
    url = reverse("site_invite", args=[federation.id])
    given = {"institution": people.north.id, "site": "phantom-1", "days": 2, "by_operator": "on"}
    assert signed_in(people.administrator).post(url, given)["Location"] == url
    row = SiteInvitation.objects.get()
    take, page = reverse("invitation_take", args=[row.id]), reverse("site_passes", args=[federation.id])
    assert signed_in(make_user("other@test.example", Role.SITE_OPERATOR, people.south)).post(take).status_code == 404
    operator = signed_in(people.operator_north)
    assert "An invitation waits for you" in operator.get(page).content.decode()
    answer = operator.post(take)
    assert answer.status_code == 200 and answer["Cache-Control"] == "no-store"
    assert operator.post(take).status_code == 409
    assert "An invitation waits for you" not in operator.get(page).content.decode()
    (tmp_path / "i").write_bytes(answer.content)
    assert client_of(site_join.join(tmp_path / "i", DATA, tmp_path / "s")).ping()


def test_an_invitation_that_nobody_downloaded_is_withdrawn_as_any_other(people, federation, gate):
    given = {"federation": federation, "institution": people.north, "site": "phantom-1", "days": 1}
    row = joining.invitation_offer(**given, actor=people.administrator)
    joining.invitation_revoke(invitation=row, actor=people.administrator)
    with pytest.raises(Conflict, match="has ended"):
        joining.invitation_take(invitation=row, actor=people.operator_north)


def test_the_page_withdraws_and_says_what_is_wrong(people, federation, gate):
    client, url = signed_in(people.administrator), reverse("site_invite", args=[federation.id])
    bad = client.post(url, {"institution": people.north.id, "site": "No Code", "days": 99})
    assert bad.status_code == 400 and "Use small letters" in bad.content.decode()
    row, _ = invite(people, federation)
    client.post(reverse("site_uninvite", args=[row.id]))
    row.refresh_from_db()
    assert row.state == "revoked"
    assert "Withdrawn" in client.get(url).content.decode()
