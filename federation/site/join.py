"""``python -m federation.site join invitation.json --data heart:/srv/data``: from an invitation to a working site.

With ``--flare`` the site works over NVIDIA FLARE alone: the door to the broker is used to join, and closed behind it.

Nothing is sent before the data were read. Keys and the broker's password are drawn here and stored before the platform
hears of them, so a join that was cut off is simply run again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import secrets
import shutil
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kombu
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from federation.domain import messages
from federation.domain.invitation import MAX_BYTES, Invitation, InvitationError, fingerprint
from federation.domain.messages import dump_public
from federation.engines import flare_kit
from federation.engines.flare_kit import FlareMissing
from federation.site import flare as site_flare
from federation.site.asking import Line, NoAnswer, Refused
from federation.site.home import SiteConfig, SiteHome
from federation.site.wire import tls_options
from provenance.witness.state import write_whole

MOST_LISTED = 20


class JoinError(Exception):
    """The site cannot join; the text says what to do."""


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m federation.site join", description=__doc__)
    parser.add_argument("invitation", type=Path, help="the file that the administrator handed over")
    parser.add_argument("--data", required=True, help="what the site holds and where, e.g. heart:/srv/data")
    parser.add_argument("--home", type=Path, default=Path("site"), help="the site's own folder (default: ./site)")
    parser.add_argument("--no-start", action="store_true", help="join, but do not start the worker")
    parser.add_argument("--flare", action="store_true", help="work over NVIDIA FLARE alone, without the broker")
    options = parser.parse_args(arguments)
    try:
        join(options.invitation, options.data, options.home, over_flare=options.flare)
    except (JoinError, InvitationError, site_flare.KitError, FlareMissing) as error:
        print(f"  {error}", file=sys.stderr)
        return 2
    if options.no_start:
        command = "python -m federation.site" + " flare" * options.flare
        print(f"  Start it with: SITE_HOME={options.home} {command}")
        return 0
    if options.flare:
        return site_flare.main(["--home", str(options.home)])
    print("  Starting the worker; Ctrl-C stops it.", flush=True)
    os.environ["SITE_HOME"] = str(options.home)
    from federation.site.worker import main as work

    work()
    return 0


def join(file: Path, data: str, folder: Path, *, over_flare: bool = False) -> SiteHome:
    """Do all that the command does but start the worker, or FLARE's client."""
    if over_flare:
        flare_kit.python()  # before anything is drawn or sent
    invitation = _read(file)
    _say(f"Invited as {invitation.site} to “{invitation.federation}”, until {invitation.expires_at[:16]}")
    _say(check_data(data, invitation.site))
    known = _known(folder, invitation)
    draft = prepare(folder, invitation, over_flare=over_flare)
    config = SiteConfig(
        site=invitation.site, data=data, coordinator_public_key=invitation.coordinator_public_key,
        redis_url="" if over_flare else _url(invitation, draft["password"]), witness_name=invitation.witness_name,
        log_keys=invitation.log_keys, channel=invitation.channel,
    )  # fmt: skip
    if known is None:
        key = messages.new_key()
        write_whole(folder / "key", messages.dump_private(key))
    key = messages.load_private((folder / "key").read_bytes())
    certificate = ask(folder, invitation, draft, key, over_flare=over_flare)
    if over_flare:
        _say("Waiting for the certificate of FLARE's client")
        site_flare.fetch(folder, _line(folder, invitation, draft["password"], key))
    else:
        write_whole(folder / "tls" / "certificate.pem", certificate.encode())
    home = SiteHome.create(folder, config)
    (folder / "joining.json").unlink()
    (folder / "tls" / "invited.pem").unlink()
    (folder / "tls" / "invited-key.pem").unlink()
    if over_flare:
        shutil.rmtree(folder / "tls")
    _say(f"Joined. The fingerprint of this site's key: {fingerprint(dump_public(home.key))}")
    return home


def _read(file: Path) -> Invitation:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise InvitationError(f"{file} is too large for an invitation")
        return Invitation.from_text(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise JoinError(f"cannot read the invitation {file}: {error}") from error


def check_data(data: str, site: str) -> str:
    """Load the data as the worker will, and say what they are and who is not used, and why."""
    from federation.domain.data.registry import manifest, open_source

    try:
        source = open_source(data)
        loaded = source.load(site)
        manifest(source, loaded)
    except Exception as error:
        raise JoinError(
            f"the data of {site} cannot be read from {data}: {error}\n  Nothing was sent. Mend --data and try again."
        ) from error
    refused = loaded.report.refused
    lines = [f"    not used: {refusal}" for refusal in refused[:MOST_LISTED]]
    if len(refused) > MOST_LISTED:
        lines.append(
            f"    and {len(refused) - MOST_LISTED} more, who are all in the worker's log when it reads the data"
        )
    return "\n".join([f"Read the data of {loaded.n_patients} patients; they stay here", *lines])


def _known(folder: Path, invitation: Invitation) -> bytes | None:
    """The key that is already in the folder. A folder of another site is refused."""
    if (folder / "site.json").exists():
        held = SiteHome(folder).config
        if held.site != invitation.site or held.channel not in {"", invitation.channel}:
            raise JoinError(
                f"{folder} belongs to {held.queue}, the invitation is for {invitation.channel}; name another --home"
            )
    path = folder / "key"
    return path.read_bytes() if path.exists() else None


def prepare(folder: Path, invitation: Invitation, *, over_flare: bool = False) -> dict[str, Any]:
    """Draw what the site will need and store it; what a join that was cut off has drawn is used again."""
    (folder / "tls").mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    token = hashlib.sha256(invitation.token.encode()).hexdigest()
    path = folder / "joining.json"
    draft = json.loads(path.read_text()) if path.exists() else {}
    if draft.get("token") != token:
        draft = {"token": token, "password": secrets.token_urlsafe(32)}
        write_whole(folder / "tls" / "key.pem", _new_tls_key())
        if over_flare:
            (folder / site_flare.KEY).unlink(missing_ok=True)  # the last one may have been revoked
        write_whole(path, json.dumps(draft).encode())
    for name, text in (
        ("authority", invitation.ca), ("invited", invitation.certificate), ("invited-key", invitation.certificate_key),
    ):  # fmt: skip
        write_whole(folder / "tls" / f"{name}.pem", text.encode())
    return draft


def _new_tls_key() -> bytes:
    return Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def ask(folder: Path, invitation: Invitation, draft: dict[str, Any], key, *, over_flare: bool = False) -> str:
    """Send the site's keys and wait for its certificate. The token opens, or, once it was used, the new password.

    A site that joins over FLARE alone gets none for the broker: it asks for FLARE's in the place of that.
    """
    body = {"public_key": dump_public(key), "password": hashlib.sha256(draft["password"].encode()).hexdigest()}
    if over_flare:
        body["flare"] = site_flare.request_of(folder, invitation.channel)
    else:
        body["request"] = _tls_request(folder, invitation.channel)
    refused: Exception | None = None
    for password in (invitation.token, draft["password"]):
        try:
            return str(_line(folder, invitation, password, key).ask("join", body).body["certificate"])
        except Refused as error:
            raise JoinError(f"the platform refused: {error}") from error
        except NoAnswer as error:
            raise JoinError(str(error)) from error
        except (kombu.exceptions.OperationalError, OSError) as error:
            refused = error
            if "WRONGPASS" not in str(error) and "invalid username-password" not in str(error):
                break
    raise JoinError(
        f"the broker at {urlsplit(invitation.broker_url).netloc} did not let this site in ({refused}); check the way "
        "there, and that the invitation was neither used nor withdrawn"
    )


def _tls_request(folder: Path, channel: str) -> str:
    tls_key = load_pem_private_key((folder / "tls" / "key.pem").read_bytes(), None)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"site.{channel}")])
    request = x509.CertificateSigningRequestBuilder(name).sign(tls_key, None)  # type: ignore[arg-type]  # Ed25519
    return request.public_bytes(Encoding.PEM).decode()


def _line(folder: Path, invitation: Invitation, password: str, key) -> Line:
    """The way through the door with what the invitation brought."""
    url = _url(invitation, password)
    options = dict(tls_options(url, folder / "tls") or {})
    options |= {"ssl_certfile": str(folder / "tls/invited.pem"), "ssl_keyfile": str(folder / "tls/invited-key.pem")}
    return Line(url, invitation.channel, invitation.site, key, invitation.coordinator_public_key, options)


def _url(invitation: Invitation, password: str) -> str:
    parts = urlsplit(invitation.broker_url)
    return parts._replace(netloc=f"site.{invitation.channel}:{password}@{parts.netloc}").geturl()


def _say(text: str) -> None:
    print(f"  · {text}", flush=True)
