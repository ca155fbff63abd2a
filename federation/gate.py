"""The door between hospitals and the broker: TLS 1.3 outside, the broker's own socket inside, bytes in between.

A caller needs a certificate of the platform's authority, and may then sign in to the broker only as the user that the
certificate names, once: a stolen password is worth nothing without the certificate, and the other way round. So each
command's name is read on its way in. What that user may touch is decided by the broker. Any Redis can stand behind it,
also one that was built without TLS.

Whether a certificate has ended or was revoked is asked of `Against`, after the handshake: so that the caller is told in
words, and the refusal is known to be whose. Nothing is passed on before.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from cryptography import x509

logger = logging.getLogger(__name__)
CHUNK = 64 * 1024
SIGN_IN_SECONDS = 10.0
MAX_SIGN_IN = 16  # words, and none longer than
MAX_WORD = 512
MAX_WORDS = 1024 * 1024  # of a later command, as the broker itself takes no more
SIGN_INS = {b"AUTH", b"HELLO", b"RESET"}  # of these the first command of a line is one, and no other
REFUSAL = b"-NOPERM sign in as the user that your certificate names\r\n"
ANY_TIME = ssl.VerifyFlags(0x200000)  # X509_V_FLAG_NO_CHECK_TIME: of the caller's certificate; the door asks by itself
Against = Callable[[bytes], str]  # a certificate (DER) that the authority signed -> why it opens nothing; "" if it does


def server_context(*, certificate: Path, key: Path, authority: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(authority)
    context.verify_flags |= ANY_TIME
    return context


def only_in_time(shown: bytes) -> str:
    """The least that is asked of a certificate."""
    ended = x509.load_der_x509_certificate(shown).not_valid_after_utc
    return f"the certificate ended at {ended:%Y-%m-%d %H:%M}" if ended <= datetime.now(UTC) else ""


class Gate:
    def __init__(self, *, redis_url: str, context: ssl.SSLContext, against: Against = only_in_time) -> None:
        self._url, self._context, self._against = redis_url, context, against

    async def listen(self, host: str, port: int) -> asyncio.Server:
        return await asyncio.start_server(
            self._admit,
            host,
            port,
            ssl=self._context,
            ssl_handshake_timeout=SIGN_IN_SECONDS,
            ssl_shutdown_timeout=1.0,
            limit=CHUNK,
        )

    async def _admit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.CancelledError):  # the door is closed: nobody waits for this task
            await self._serve(reader, writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        user = certified(writer)
        try:
            words = await asyncio.wait_for(_first_command(reader), SIGN_IN_SECONDS)
            if reason := await self._refusal(writer, user, words):
                writer.write(reason)
                await writer.drain()
                return
            inside_reader, inside_writer = await self._open()
            try:
                inside_writer.write(_encoded(words))
                await _both_ways(reader, writer, inside_reader, inside_writer)
            finally:
                inside_writer.close()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError) as error:
            logger.info("%s left: %s", user, error)
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _refusal(self, writer: asyncio.StreamWriter, user: str, words: list[bytes]) -> bytes:
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        if reason := await asyncio.to_thread(self._against, shown):
            logger.warning("refused %s: %s", user, reason)
            return b"-NOPERM " + " ".join(reason.split()).encode() + b"\r\n"
        if signs_in_as(words) != user:
            logger.warning("refused %s, which asked to sign in as %r", user, signs_in_as(words))
            return REFUSAL
        return b""

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        parts = urlsplit(self._url)
        if parts.scheme == "unix":
            return await asyncio.open_unix_connection(unquote(parts.path))
        return await asyncio.open_connection(parts.hostname, parts.port or 6379)


def certified(writer: asyncio.StreamWriter) -> str:
    """The broker user that the caller's certificate names."""
    subject = writer.get_extra_info("peercert")["subject"]
    return next(value for part in subject for name, value in part if name == "commonName")


def signs_in_as(words: list[bytes]) -> str | None:
    """Whom a first command signs in: AUTH user password, or HELLO 3 AUTH user password."""
    match [word.upper() for word in words[:3]]:
        case [b"AUTH", _, _] if len(words) == 3:
            return words[1].decode(errors="replace")
        case [b"HELLO", _, b"AUTH"] if len(words) == 5 or (len(words) == 7 and words[5].upper() == b"SETNAME"):
            return words[3].decode(errors="replace")
    return None


async def _first_command(reader: asyncio.StreamReader) -> list[bytes]:
    """One RESP array of short strings."""
    return [await _word(reader) for _ in range(await _length(reader, b"*", MAX_SIGN_IN))]


async def _word(reader: asyncio.StreamReader) -> bytes:
    length = await _length(reader, b"$", MAX_WORD)
    return (await reader.readexactly(length + 2))[:-2]


async def _length(reader: asyncio.StreamReader, mark: bytes, most: int, least: int = 1) -> int:
    line = await reader.readuntil(b"\r\n")
    if line[:1] != mark or not line[1:-2].isdigit() or not least <= int(line[1:-2]) <= most:
        raise ValueError("that is no command to a broker")
    return int(line[1:-2])


def _encoded(words: list[bytes]) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


async def _both_ways(reader, writer, inside_reader, inside_writer) -> None:
    """Until either side ends; then both do, so that neither waits for one that is gone."""
    ways = [asyncio.create_task(_commands(reader, inside_writer)), asyncio.create_task(_copy(inside_reader, writer))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _commands(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Pass whole commands on, but for a second sign-in: the broker would take it for a change of the user."""
    while True:
        count = await _length(source, b"*", MAX_WORDS)
        name = await _word(source)
        if name.upper() in SIGN_INS:
            raise ValueError(f"{name.decode()} after the first command")
        target.write(b"*%d\r\n$%d\r\n%s\r\n" % (count, len(name), name))
        for _ in range(count - 1):
            await _pass_word(source, target)
        await target.drain()


async def _pass_word(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """An argument, of any length and in pieces."""
    length = await _length(source, b"$", 2**63, least=0)
    target.write(b"$%d\r\n" % length)
    left = length + 2
    while left:
        if not (data := await source.read(min(left, CHUNK))):
            raise ValueError("cut off in the middle of a command")
        target.write(data)
        await target.drain()
        left -= len(data)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(CHUNK):
        target.write(data)
        await target.drain()
