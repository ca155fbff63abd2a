import json
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.core import mail
from django.urls import reverse

from audits.domain import webhooks as signing
from audits.runtime import notices, services, webhooks
from audits.runtime.halting import halt_create
from audits.runtime.models import Notice, WebhookSubscription
from core import jobs
from core.errors import ApplicationError, Conflict, Forbidden
from core.models import Job, Outbox

pytestmark = pytest.mark.django_db
WHY = "Mrs Jane Roe, MRN 4711, was misread."
TOLD = {
    "admin@test.example", "admin2@test.example", "officer.north@test.example", "officer.south@test.example",
    "operator.north@test.example", "operator.south@test.example",
}  # fmt: skip


def due_jobs() -> int:
    """Run what is due, as the workers would; returns how many ran."""
    ran = 0
    while job := Job.objects.filter(state=Job.State.QUEUED, next_run_at__lte=datetime.now(UTC)).first():
        assert jobs.run(job.id), Job.objects.get(id=job.id).last_error
        ran += 1
    return ran


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """A certificate of localhost, signed by itself, as PEM with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path_factory.mktemp("tls") / "receiver.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return str(path)


@pytest.fixture
def receiver(certificate, settings):
    """An https server inside, which answers as `statuses` says and keeps what came."""
    told = SimpleNamespace(seen=[], statuses=[], url="")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.seen.append(({k.lower(): v for k, v in self.headers.items()}, body, self.path))
            self.send_response(told.statuses.pop(0) if told.statuses else 204)
            self.send_header("Location", "https://localhost/elsewhere")
            self.end_headers()

        def log_message(self, *args) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    told.url = f"https://localhost:{server.server_port}/hook?a=1"
    settings.WEBHOOK_ALLOW_PRIVATE, settings.WEBHOOK_CA_FILE = True, certificate
    yield told
    server.shutdown()
    server.server_close()


@pytest.fixture
def subscription(world, receiver):
    return webhooks.subscription_create(
        name="Ward system", url=receiver.url, institution=None, actor=world.people.administrator
    )


# --- who is told, and what -----------------------------------------------------------------------------------------


def test_officers_administrators_and_operators_of_the_federation_get_an_e_mail(deployment):
    halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=3)
    due_jobs()
    assert {message.to[0] for message in mail.outbox} == TOLD
    message = mail.outbox[0]
    assert message.subject == "Ward is halted"
    assert "The gap is over 0.1." in message.body and "by the monitor" in message.body
    assert set(Notice.objects.values_list("state", flat=True)) == {"sent"}
    assert Outbox.objects.filter(table="audits_runtime_notice", operation="INSERT").count() == len(TOLD)


def test_no_word_of_a_person_and_no_patient_is_in_any_notice(
    world, deployment, subscription, receiver, vote, reviewers
):
    halt = services.deployment_halt(deployment=deployment, reason=WHY, actor=world.people.officer_north, site="north")
    for reviewer in reviewers:
        vote(halt, reviewer, reason=WHY)
    due_jobs()
    everything = json.dumps(list(Notice.objects.values_list("payload", flat=True)))
    everything += "".join(f"{m.subject} {m.body}" for m in mail.outbox) + str(receiver.seen)
    assert "Roe" not in everything and "4711" not in everything and "Officer North" not in everything
    assert {m.subject for m in mail.outbox} == {"Ward is halted at north", "Ward serves again at north"}
    assert sorted({json.loads(body)["type"] for _, body, _ in receiver.seen}) == [
        "deployment.halted", "deployment.reinstated",
    ]  # fmt: skip


def test_the_event_delivered_twice_tells_nobody_twice(deployment):
    halt = halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=3)
    due_jobs()
    notices.notices_write("deployment.halted", {"halt": str(halt.id)})()
    assert due_jobs() == 0 and len(mail.outbox) == len(TOLD)


def test_a_person_who_left_is_not_written_to(world, deployment):
    halt = halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=3)
    notices.notices_write("deployment.halted", {"halt": str(halt.id)})()
    world.people.operator_north.is_active = False
    world.people.operator_north.save(update_fields=["is_active"])
    due_jobs()
    dead = Notice.objects.get(recipient=world.people.operator_north)
    assert (dead.state, dead.last_error) == ("dead", "the person has no address here any more")
    assert len(mail.outbox) == len(TOLD) - 1


# --- webhooks ------------------------------------------------------------------------------------------------------


def test_a_signed_message_arrives_over_tls(deployment, subscription, receiver):
    halt = halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=3)
    due_jobs()
    ((headers, body, path),) = receiver.seen
    notice = Notice.objects.get(channel="webhook")
    assert signing.verify(secret=subscription[1], headers=headers, body=body, now=time.time()) == f"msg_{notice.id.hex}"
    told = json.loads(body)
    assert path == "/hook?a=1" and told == notice.payload
    assert told["type"] == "deployment.halted" and told["data"]["halt"] == {
        "id": str(halt.id), "by": "monitor", "site": None, "finding": "The gap is over 0.1.",
    }  # fmt: skip


def test_what_fails_is_tried_again_later_then_given_up_and_sent_again_on_request(
    world, deployment, subscription, receiver
):
    receiver.statuses = [500, 302] + [503] * 5
    halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=3)
    due_jobs()
    notice = Notice.objects.get(channel="webhook")
    assert (notice.state, notice.attempts) == ("queued", 1) and "answered 500" in notice.last_error
    delays = []
    for _ in range(6):
        job = Job.objects.get(kind="notice.send", state=Job.State.QUEUED)
        delays.append(round((job.next_run_at - datetime.now(UTC)).total_seconds() / 15) * 15)
        Job.objects.filter(id=job.id).update(next_run_at=datetime.now(UTC))
        assert due_jobs() == 1
    assert delays == list(notices.DELAYS_SECONDS)
    notice.refresh_from_db()
    assert (notice.state, notice.attempts) == ("dead", 7)
    assert not Job.objects.filter(kind="notice.send", state=Job.State.QUEUED).exists()
    notices.notice_send_again(notice=notice, actor=world.people.officer_north)
    assert due_jobs() == 1
    notice.refresh_from_db()
    assert (notice.state, notice.attempts) == ("sent", 1)
    assert len({headers["webhook-id"] for headers, _, _ in receiver.seen}) == 1
    with pytest.raises(Conflict, match="has arrived"):
        notices.notice_send_again(notice=notice, actor=world.people.officer_north)


def test_a_receiver_with_another_certificate_gets_nothing(deployment, subscription, receiver, settings):
    settings.WEBHOOK_CA_FILE = ""
    halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=3)
    due_jobs()
    assert not receiver.seen
    assert "CERTIFICATE_VERIFY_FAILED" in Notice.objects.get(channel="webhook").last_error


def test_a_network_that_became_private_is_not_called(deployment, subscription, receiver, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = False
    halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=3)
    due_jobs()
    assert not receiver.seen and "private" in Notice.objects.get(channel="webhook").last_error


def test_a_revoked_subscription_is_told_nothing_more(world, deployment, subscription, receiver):
    halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=3)
    event = Job.objects.get(kind="event", payload__subscriber="runtime.notify")
    assert jobs.run(event.id)
    webhooks.subscription_revoke(subscription=subscription[0], actor=world.people.administrator)
    due_jobs()
    assert not receiver.seen and Notice.objects.get(channel="webhook").state == "dead"
    with pytest.raises(Conflict, match="revoked already"):
        webhooks.subscription_revoke(subscription=subscription[0], actor=world.people.administrator)


def test_a_subscription_of_an_institution_hears_of_its_federations_alone(world, deployment, receiver):
    from tests.factories.people import make_institution

    for place in (world.people.south, make_institution("other")):
        webhooks.subscription_create(
            name=place.slug, url=receiver.url, institution=place, actor=world.people.administrator
        )
    halt = halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=3)
    assert [found.name for found in notices.subscribed(halt.deployment)] == ["south"]


PRIVATE = ["10.0.0.1", "127.0.0.1", "169.254.169.254", "192.168.1.1", "172.16.0.9", "100.64.0.1", "0.0.0.0",
           "[::1]", "[fd00::1]", "[fe80::1]", "[::ffff:10.0.0.1]", "224.0.0.1", "localhost", "2130706433"]  # fmt: skip


@pytest.mark.parametrize("host", PRIVATE)
def test_private_and_reserved_networks_are_refused(host):
    with pytest.raises(ApplicationError, match="private or reserved|cannot be found"):
        webhooks.checked_addresses(f"https://{host}/hook")


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch):
    found = [(2, 1, 6, "", ("93.184.216.34", 443)), (2, 1, 6, "", ("10.0.0.1", 443))]
    monkeypatch.setattr(webhooks.socket, "getaddrinfo", lambda *args, **kwargs: found)
    with pytest.raises(ApplicationError, match="private"):
        webhooks.checked_addresses("https://hooks.example/")
    found.pop()
    assert webhooks.checked_addresses("https://hooks.example/") == [("93.184.216.34", 443)]


@pytest.mark.parametrize(
    "url",
    ["http://93.184.216.34/", "ftp://x.example/", "https://", "https://u:p@93.184.216.34/", "https://93.184.216.34:99999/",
     "https://93.184.216.34/ x", "https://93.184.216.34/" + "a" * 300, "", "https://[::1/"],
)  # fmt: skip
def test_addresses_that_are_no_plain_https_are_refused(url):
    with pytest.raises(ApplicationError, match="Expected a URL"):
        webhooks.checked_addresses(url)


def test_the_secret_is_shown_once_and_never_captured(world, client_of, receiver):
    client = client_of(world.people.administrator)
    made = client.post(reverse("webhooks"), {"name": "Ward system", "url": receiver.url, "institution": ""})
    subscription = WebhookSubscription.objects.get()
    secret = str(subscription.secret)
    assert secret.startswith("whsec_") and secret in made.content.decode() and made["Cache-Control"] == "no-store"
    assert secret not in client.get(reverse("webhooks")).content.decode()
    assert secret not in json.dumps(list(Outbox.objects.values_list("body", flat=True)))
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM audits_runtime_webhooksubscription")
        assert secret not in cursor.fetchone()[0]


def test_a_bad_address_is_explained_beside_what_was_typed(world, client_of):
    answer = client_of(world.people.administrator).post(
        reverse("webhooks"), {"name": "Typed name", "url": "https://10.0.0.1/", "institution": ""}
    )
    said = answer.content.decode()
    assert answer.status_code == 400 and "Typed name" in said and "private or reserved" in said
    assert not WebhookSubscription.objects.exists()


@pytest.mark.parametrize("person", ["officer_north", "auditor", "operator_north", "clinician", "external"])
def test_only_administrators_manage_subscriptions(world, person):
    with pytest.raises(Forbidden):
        webhooks.subscription_create(
            name="x", url="https://93.184.216.34/", institution=None, actor=getattr(world.people, person)
        )


# --- the page ------------------------------------------------------------------------------------------------------


def test_the_page_shows_what_gave_up_and_sends_it_again(world, deployment, subscription, receiver, client_of):
    halt_create(deployment_id=deployment.id, reason="The gap is over 0.1.", position=3)
    due_jobs()
    Notice.objects.filter(channel="webhook").update(state="dead", last_error="answered 500: <b>no</b>")
    notice = Notice.objects.get(channel="webhook")
    officer, auditor = client_of(world.people.officer_south), client_of(world.people.auditor)
    said = officer.get(reverse("notices") + "?state=dead").content.decode()
    assert "Send again" in said and "answered 500: &lt;b&gt;no&lt;/b&gt;" in said and "Ward system" in said
    assert "Send again" not in auditor.get(reverse("notices") + "?state=dead&page=9").content.decode()
    assert officer.post(reverse("notice_again", args=[notice.id])).status_code == 302
    due_jobs()
    notice.refresh_from_db()
    assert notice.state == "sent"
    stranger = client_of(world.people.outsider)
    assert "No notice" in stranger.get(reverse("notices")).content.decode()
    assert stranger.post(reverse("notice_again", args=[notice.id])).status_code == 404
