"""What the people of a site do at the site: run its worker, approve and withdraw, and keep the list of opt-outs.

python -m federation.site                                       the worker
python -m federation.site consent list | show HASH | approve HASH ... | withdraw HASH ...
python -m federation.site opt-out list | add PATIENT ... | remove PATIENT ...
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from federation.domain.data.dataset import DataError, ReaderUnavailable
from federation.domain.messages import canonical
from federation.domain.terms import Terms
from federation.site import outbox
from federation.site.approvals import APPROVED, ApprovalError, Statement
from federation.site.home import SiteHome


def main(arguments: Sequence[str]) -> int:
    if not arguments:
        from federation.site.worker import main as work  # torch: only the worker loads it

        work()
        return 0
    given = _parser().parse_args(arguments)
    folder = given.home or os.environ.get("SITE_HOME")
    if not folder or not (Path(folder) / "site.json").exists():
        print(f"expected the site's folder in SITE_HOME or after --home, got {folder or 'none'}", file=sys.stderr)
        return 2
    try:
        given.do(SiteHome(Path(folder)), given)
    except (ApprovalError, DataError, ReaderUnavailable, ValueError) as error:
        print(f"not done: {error}", file=sys.stderr)
        return 1
    return 0


def consent_list(home: SiteHome, given: argparse.Namespace) -> None:
    hashes = home.approvals.hashes()
    for name in hashes:
        config, found = home.approvals.asked(name), home.approvals.latest(name)
        purpose = Terms.from_dict(config.terms).purpose if config.terms else "no terms are stated"
        print(f"{name}  {_state(found)}  {config.rounds} rounds: {purpose}")
    if not hashes:
        print("No configuration has been proposed to this site.")


def consent_show(home: SiteHome, given: argparse.Namespace) -> None:
    """The whole configuration, from this disk; its hash is computed here."""
    config = home.approvals.asked(home.approvals.find(given.hash))
    print(f"configuration  {config.hash}\nhere           {_state(home.approvals.latest(config.hash))}\n")
    for name, words in Terms.from_dict(config.terms).rows() if config.terms else ():
        print(f"{name}: {words}")
    print(f"\nThe frozen text, whose SHA-256 is the hash:\n{canonical(config.as_dict()).decode()}")


def consent_approve(home: SiteHome, given: argparse.Namespace) -> None:
    statement = home.approvals.approve(
        home.approvals.find(given.hash), operator=given.operator, officer=given.officer, until=given.until,
        today=datetime.now(UTC).date(), other_code=given.other_code,
    )  # fmt: skip
    _tell(home, statement)
    print(f"approved until {statement.until}: {statement.config_hash}")


def consent_withdraw(home: SiteHome, given: argparse.Namespace) -> None:
    statement = home.approvals.withdraw(home.approvals.find(given.hash), by=given.by, reason=given.reason)
    _tell(home, statement)
    print(f"withdrawn: {statement.config_hash}\nThis site's worker now refuses every order for it.")


def opt_out_list(home: SiteHome, given: argparse.Namespace) -> None:
    entries = home.opt_outs.entries()
    for patient, since in sorted(entries.items()):
        print(f"{since}  {patient}")
    if not entries:
        print("No patient has opted out.")


def opt_out_add(home: SiteHome, given: argparse.Namespace) -> None:
    """Enter the patients first, whatever the data say; then find what has learned from them."""
    new = home.opt_outs.add(_patients(given), at=datetime.now(UTC).date().isoformat())
    print(f"{len(new)} entered; they are left out from the next order on.")
    unknown, learned = _consequences(home, new)
    if unknown:
        print(f"not among this site's data now, perhaps mistyped: {', '.join(unknown)}")
    for name in learned:
        outbox.put(home, "opt_out", {"config_hash": name})
    if learned:
        print(
            f"{len(learned)} run(s) have learned from them; the platform is told which runs, and not who or how many."
        )
    _send(home)


def opt_out_remove(home: SiteHome, given: argparse.Namespace) -> None:
    struck = home.opt_outs.remove(_patients(given))
    print(f"{len(struck)} struck from the list; they take part in runs that are proposed from now on.")


def _consequences(home: SiteHome, patients: list[str]) -> tuple[list[str], list[str]]:
    """Which of the patients are unknown here, and for which runs the site has trained on any of them."""
    if not patients:
        return [], []
    from federation.site.handlers import Site  # the data and the numerical libraries: only where they are needed

    site = Site(home)
    learned = [
        name for name in home.approvals.used() if site.trained_on(home.approvals.asked(name)).intersection(patients)
    ]
    return sorted(set(patients) - set(site.data.record_ids)), learned


def _patients(given: argparse.Namespace) -> list[str]:
    found = [patient.strip() for patient in given.patients]
    if not all(found):
        raise ValueError("expected the patients as this site's data name them, got an empty one")
    return found


def _tell(home: SiteHome, statement: Statement) -> None:
    outbox.put(home, "approval", statement.public)
    _send(home)


def _send(home: SiteHome) -> None:
    if not home.config.redis_url:
        return  # FLARE's client has an eye on the outbox
    from federation.site.worker import Postbox

    try:
        outbox.send(home, Postbox(home).deliver_once)
    except OSError as error:
        print(f"the platform cannot be reached ({error}); the worker tells it when it can", file=sys.stderr)


def _state(found: Statement | None) -> str:
    if found is None:
        return "not approved"
    return f"approved until {found.until}" if found.decision == APPROVED else "withdrawn"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m federation.site", description=__doc__.splitlines()[0])
    parser.add_argument("--home", help="the site's folder (default: SITE_HOME)")
    areas = parser.add_subparsers(required=True)
    consent = areas.add_parser("consent", help="what this institution has signed").add_subparsers(required=True)
    consent.add_parser("list", help="what was asked for, and how it stands").set_defaults(do=consent_list)
    show = consent.add_parser("show", help="a whole configuration, read from this disk")
    approve = consent.add_parser("approve", help="let this site's worker work for it")
    withdraw = consent.add_parser("withdraw", help="let it work for it no more")
    for command, do in ((show, consent_show), (approve, consent_approve), (withdraw, consent_withdraw)):
        command.add_argument("hash", help="the configuration's hash, or how it begins")
        command.set_defaults(do=do)
    approve.add_argument("--operator", required=True, help="name of the site's operator")
    approve.add_argument("--officer", required=True, help="name of the ethics officer")
    approve.add_argument("--until", type=date.fromisoformat, help="last day, YYYY-MM-DD (default: that of the terms)")
    approve.add_argument(
        "--other-code", action="store_true", help="this site's code differs from the terms', knowingly"
    )
    withdraw.add_argument("--by", required=True, help="name of who withdraws")
    withdraw.add_argument("--reason", required=True)
    opt_out = areas.add_parser("opt-out", help="patients whose data are not used").add_subparsers(required=True)
    opt_out.add_parser("list", help="who is on the list").set_defaults(do=opt_out_list)
    for name, do in (("add", opt_out_add), ("remove", opt_out_remove)):
        command = opt_out.add_parser(name)
        command.add_argument("patients", nargs="+", metavar="PATIENT", help="as this site's data name them")
        command.set_defaults(do=do)
    return parser
