"""Asking the witnesses: each hospital's worker over its queue, each stranger over HTTP, always about the newest tree.

Never more than one question is open to a witness, and nothing is put on a queue that its site has not emptied. So an
outage costs delay and no rows, and no message waits but one. The question to a site is one row, asked again with a
newer checkpoint; nothing of this is written into the ledger, which would otherwise never come to rest.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from urllib.parse import quote, urlsplit

import redis
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from core import jobs
from core.errors import ApplicationError
from core.models import DomainEvent, Job
from core.process import lock_key
from federation import mailbox
from federation.models import Participant, SiteOrder
from provenance import witnesses
from provenance.domain.witness import MAX_RESPONSE_BYTES, TEXT, Answer
from provenance.models import Witness, WitnessState
from provenance.witness_answers import cosignature_record

logger = logging.getLogger(__name__)
KIND = "witness"
HTTP_SECONDS = 5.0  # without a byte
HTTP_TOTAL_SECONDS = 10.0
SILENT_SECONDS = 60.0
NOTICES_KEPT_SECONDS = 60.0
State = SiteOrder.State


def witnesses_ask() -> int:
    """One round: take what was answered, ask whoever has not cosigned the newest checkpoint. Returns how many.

    Rounds do not overlap; one that would is left out.
    """
    key = lock_key("witnesses")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        if not cursor.fetchone()[0]:
            return 0
    try:
        workers = Participant.objects.filter(is_active=True).order_by("site", "created_at").distinct("site")
        asked = sum(_site_asked(participant) for participant in workers.select_related("institution"))
        asked += http_ask()
        notices_prune()
        return asked
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [key])


# --- sites ----------------------------------------------------------------------------------------------------------


def _site_asked(participant: Participant) -> bool:
    """Ask one site; whatever goes wrong there, the others are asked too."""
    try:
        return site_ask(participant=participant)
    except Exception:
        logger.exception("%s could not be asked to witness", participant.site)
        return False


def site_ask(*, participant: Participant) -> bool:
    """Ask a site's worker, unless its last question is still open. True if a message was sent."""
    with transaction.atomic():
        order = (
            SiteOrder.objects.select_for_update(of=("self",))
            .filter(participant=participant, kind=KIND)
            .select_related("participant__institution")
            .first()
        )
        if order is not None and order.state in (State.ANSWERED, State.FAILED):
            _take(order)
        witness = Witness.objects.filter(site=participant.site).first()
        if witness is not None and not witness.is_active:
            return False
        if order is not None and order.state == State.PENDING and not _ask_again(order, witness):
            return False
        ask = witnesses.next_ask(witness)
        if ask is None:
            return False
        body = {"request": ask.data.decode(), "rotations": witnesses.key_rotations()}
        asking = f"{KIND}:{uuid.uuid4()}"
        if order is None:
            order = mailbox.order_create(
                participant=participant, kind=KIND, key=asking, subject=participant.id, body=body, attachments={}
            )
        else:
            _reopen(order, key=asking, body=body)
        if witness is not None:
            witnesses.witness_asked(witness)
    # The inbox sends quiet orders again; here only an empty queue is reason to, so it is told not to.
    SiteOrder.objects.filter(id=order.id).update(last_contact_at=timezone.now() + timedelta(days=36500))
    return True


def _ask_again(order: SiteOrder, witness: Witness | None) -> bool:
    """Whether an open question was lost: sent a while ago, taken from the queue, and not answered."""
    waited = (timezone.now() - order.created_at).total_seconds()
    if witness is not None and waited > SILENT_SECONDS:
        witnesses.witness_silent(witness, f"no answer since {order.created_at:%Y-%m-%d %H:%M:%S} UTC")
    return waited > settings.RESEND_AFTER_SECONDS and _queue_is_empty(order.participant.channel)


def _queue_is_empty(channel: str) -> bool:
    """Whether the site's worker has taken all that was sent to it."""
    try:
        client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=3)
        return not client.llen(f"site.{channel}.work")  # prefix of wire.transport_options, name of the queue
    except redis.RedisError as error:
        logger.warning("broker away: %s", error)
        return False


def _reopen(order: SiteOrder, *, key: str, body: dict) -> None:
    """Ask anew in the same row: a site has one, however long it witnesses."""
    now = timezone.now()
    fresh = {
        "body": body, "state": State.PENDING, "sends": 0, "last_contact_at": now, "answered_at": None,
        "answer": None, "answer_digest": "", "signature": "", "error": "",
    }  # fmt: skip
    if order.state != State.PENDING:  # else it was lost: the same question, whichever answer comes first
        fresh |= {"key": key, "created_at": now}
    for field, value in fresh.items():
        setattr(order, field, value)
    order.save(update_fields=list(fresh))
    transaction.on_commit(lambda: mailbox.order_send(order))


def witness_answered(payload: dict) -> jobs.Effects | None:
    """Take a site's answer as soon as it is there."""

    def effects() -> None:
        order = (
            SiteOrder.objects.select_for_update(of=("self",))
            .filter(id=payload["order"], kind=KIND, state__in=[State.ANSWERED, State.FAILED])
            .select_related("participant__institution")
            .first()
        )
        if order is not None:
            _take(order)

    return effects


def _take(order: SiteOrder) -> None:
    """Record what a site answered, once. The caller holds the row."""
    answer, order.answer = order.answer, None
    order.save(update_fields=["answer"])
    if answer is None:
        return
    participant = order.participant
    witness = Witness.objects.filter(site=participant.site).first()
    if order.state == State.FAILED:
        _refused(participant, witness, order.error or "does not witness, and does not say why")
        return
    try:
        said = Answer(int(answer["status"]), str(answer["body"]).encode(), str(answer["content_type"]))
        old_size, size = int(answer["old_size"]), int(answer["size"])
        latest = str(answer.get("latest", "")).encode()
        with transaction.atomic():  # what the database refuses is undone alone
            registered = witnesses.witness_register(
                name=str(answer["name"]), vkeys=[str(vkey) for vkey in answer["vkeys"]], site=participant.site,
                institution=participant.institution, reason=f"signed by {participant.site}",
            )  # fmt: skip
            cosignature_record(witness=registered, old_size=old_size, size=size, answer=said, latest=latest)
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError, ApplicationError, DatabaseError) as error:
        _refused(participant, witness, f"gave no answer of a witness: {type(error).__name__}: {error}")


def _refused(participant: Participant, witness: Witness | None, why: str) -> None:
    logger.warning("%s: %s", participant.site, why)
    if witness is not None:
        WitnessState.objects.filter(witness=witness).update(
            answered_at=timezone.now(), problem=WitnessState.Problem.REFUSED, problem_text=why[:500]
        )


# --- strangers ------------------------------------------------------------------------------------------------------


def http_ask() -> int:
    """Ask every active witness that has an address, at the same time. Nothing here waits longer than seconds."""
    open_ = list(Witness.objects.filter(is_active=True).exclude(url=""))
    asks = [(witness, ask) for witness in open_ if (ask := witnesses.next_ask(witness)) is not None]
    if not asks:
        return 0
    with ThreadPoolExecutor(max_workers=8) as pool:  # the threads touch no database
        answers = list(pool.map(lambda pair: _post(pair[0].url, pair[1].data), asks))
    for (witness, ask), got in zip(asks, answers, strict=True):
        witnesses.witness_asked(witness)
        if isinstance(got, str):
            witnesses.witness_silent(witness, got)
            continue
        answer, latest = got
        try:
            cosignature_record(witness=witness, old_size=ask.old_size, size=ask.size, answer=answer, latest=latest)
        except Exception:
            logger.exception("the answer of %s could not be taken", witness.name)
    return len(asks)


def _post(url: str, data: bytes) -> tuple[Answer, bytes] | str:
    """The answer and, beside a conflict, the checkpoint that the witness shows; or why there is none, in words.

    Redirects are not followed: a witness is asked where it is registered. However slowly it answers, it is left alone
    after `HTTP_TOTAL_SECONDS`.
    """
    parts = urlsplit(url)
    try:
        connect = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        connection = connect(parts.hostname or "", parts.port, timeout=HTTP_SECONDS)
    except ValueError as error:
        return f"{url} is no address: {error}"
    end = threading.Timer(HTTP_TOTAL_SECONDS, _hang_up, [connection])
    end.daemon = True
    end.start()
    try:
        answer, latest = _ask(connection, "POST", f"{parts.path}/add-checkpoint", data), b""
        if answer.status in (409, 422):
            shown = _ask(connection, "GET", f"{parts.path}/checkpoint?origin={quote(settings.LOG_ORIGIN, safe='')}")
            latest = shown.body if shown.status == 200 else b""
    except (OSError, HTTPException, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    finally:
        end.cancel()
        connection.close()
    return answer, latest


def _ask(connection: HTTPConnection, method: str, path: str, data: bytes | None = None) -> Answer:
    connection.request(method, path, body=data, headers={"Content-Type": TEXT} if data else {})
    response = connection.getresponse()
    body = response.read(MAX_RESPONSE_BYTES + 1)
    if len(body) > MAX_RESPONSE_BYTES:
        raise ValueError(f"expected at most {MAX_RESPONSE_BYTES} bytes, got more")
    return Answer(response.status, body, response.headers.get("Content-Type", ""))


def _hang_up(connection: HTTPConnection) -> None:
    with contextlib.suppress(OSError):
        if connection.sock is not None:
            connection.sock.shutdown(socket.SHUT_RDWR)


# --- what is left behind --------------------------------------------------------------------------------------------


def notices_prune() -> int:
    """Delete the notices of answers that were taken, with their jobs: a few for each site would come each minute."""
    before = timezone.now() - timedelta(seconds=NOTICES_KEPT_SECONDS)
    old = list(DomainEvent.objects.filter(kind=f"order.{KIND}", created_at__lt=before).values_list("id", flat=True))
    for event in old:
        Job.objects.filter(idempotency_key=f"event:{event}:federation", state=Job.State.DONE).delete()
    DomainEvent.objects.filter(id__in=old).delete()
    return len(old)
