"""What a site works for: only what its people have approved in its own folder, whatever the platform asks."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from federation.domain import messages
from federation.domain.code_version import code_version
from federation.domain.learning.config import LocalConfig
from federation.domain.messages import Message, digest
from federation.domain.models.registry import default_specs
from federation.domain.run_config import RunConfig
from federation.site import approvals as subject
from federation.site import cli, worker
from federation.site.approvals import ApprovalError
from federation.site.handlers import NotApproved, Site, frozen_config, handle
from federation.site.home import SiteConfig, SiteHome
from federation.site.worker import Postbox
from tests.factories.terms import RAW

TODAY = datetime.now(UTC).date()
PEOPLE = {"operator": "Ida", "officer": "Otto"}


@pytest.fixture
def site(tmp_path) -> Site:
    public = messages.dump_public(messages.new_key())
    given = SiteConfig("phantom-1", "phantom:?patients=40&sites=2", public, "unix:///none")
    return Site(SiteHome.create(tmp_path / "site", given))


@pytest.fixture
def config(site) -> RunConfig:
    primary, baseline = default_specs("segmentation", 1)
    terms = {**RAW, "epsilon": None, "code_version": code_version(), "expires_on": str(TODAY + timedelta(days=9)),
             "ethics": {**RAW["ethics"], "valid_until": str(TODAY + timedelta(days=99))}}  # fmt: skip
    return RunConfig(
        task="segmentation", models={"primary": primary, "baseline": baseline}, rounds=1, seed=3,
        local=LocalConfig(epochs=1, batch_size=8, learning_rate=0.01), epsilon_budget=None,
        data_digests={"phantom-1": digest(site.manifest)}, terms=terms, format=3,
    )  # fmt: skip


def order(config: RunConfig, kind: str = "evaluate") -> Message:
    body = {"run": "r", "round": 1, "config": config.as_dict(), "config_hash": config.hash}
    return Message(kind, "coordinator", "phantom-1", f"r:1:{kind}", body)


def approved(site: Site, config: RunConfig, **more):
    site.home.approvals.keep_asked(config)
    return site.home.approvals.approve(config.hash, **{**PEOPLE, "today": TODAY, **more})


def typed(site: Site, *arguments: str) -> int:
    return cli.main(["--home", str(site.home.folder), *arguments])


@pytest.fixture
def told(monkeypatch) -> list[Message]:
    """What arrives at the platform."""
    arrived: list[Message] = []

    def deliver(postbox: Postbox, text: str) -> None:
        public = messages.dump_public(postbox.home.key)
        arrived.append(messages.unseal(text, sender="phantom-1", public_key=public)[0])

    monkeypatch.setattr(Postbox, "deliver_once", deliver)
    return arrived


def test_nothing_is_done_without_an_approval_and_what_was_asked_is_kept_to_be_read(site, config):
    with pytest.raises(NotApproved, match="has not approved"):
        frozen_config(site, order(config))
    assert site.home.approvals.hashes() == [config.hash] and site.home.approvals.asked(config.hash) == config
    approved(site, config)
    assert frozen_config(site, order(config)) == config


@pytest.mark.parametrize("kind", ["train", "evaluate", "audit", "device_submit"])
def test_every_order_on_a_configuration_needs_it(site, config, kind):
    with pytest.raises(NotApproved):
        frozen_config(site, order(config, kind))


def test_a_proposal_touches_no_data_and_says_what_was_approved_before(site, config):
    asked = order(config, "propose")
    assert handle(site, asked, lambda said: None)[0] == {"received": config.hash, "approval": None}
    found = approved(site, config)
    answer = handle(site, asked, lambda said: None)[0]["approval"]
    assert answer == found.public and "Ida" not in str(answer)


def test_a_withdrawal_at_the_site_holds_whatever_comes(site, config):
    approved(site, config)
    site.home.approvals.withdraw(config.hash, by="Otto", reason="a relative objected")
    with pytest.raises(NotApproved, match="withdrew its approval"):
        frozen_config(site, order(config))
    approved(site, config)  # people may think again
    frozen_config(site, order(config))


@pytest.mark.parametrize("fault", ["signature", "statement", "other hash", "other key", "no list"])
def test_a_file_that_the_sites_key_did_not_sign_approves_nothing(site, config, fault):
    approved(site, config)
    path = site.home.folder / "approvals" / "signed" / f"{config.hash}.json"
    kept = json.loads(path.read_text())
    if fault == "signature":
        kept[-1]["signature"] = "AAAA"
    elif fault == "statement":
        kept[-1]["statement"]["until"] = "2099-01-01"
    elif fault == "other hash":
        kept[-1]["statement"]["config_hash"] = "f" * 64
    elif fault == "other key":
        (site.home.folder / "key").write_bytes(messages.dump_private(messages.new_key()))
    else:
        kept = [{}]
    path.write_text(json.dumps(kept))
    with pytest.raises(NotApproved, match="not signed by its key"):
        frozen_config(site, order(config))


def test_an_approval_ends_with_the_terms_or_before(site, config):
    last = date.fromisoformat(config.terms["expires_on"])
    assert approved(site, config, until=last + timedelta(days=400)).until == str(last)
    site.home.approvals.require(config, training=True, today=last)
    with pytest.raises(ApprovalError, match="ended on"):
        site.home.approvals.require(config, training=True, today=last + timedelta(days=1))
    assert approved(site, config, until=TODAY).until == str(TODAY)
    with pytest.raises(ApprovalError, match="a last day from"):
        approved(site, config, until=TODAY - timedelta(days=1))


def test_other_code_than_was_approved_does_not_train(site, config, monkeypatch):
    approved(site, config)
    monkeypatch.setattr(subject, "code_version", lambda: "b" * 64)
    with pytest.raises(NotApproved, match="approved training by the code"):
        frozen_config(site, order(config, "train"))
    frozen_config(site, order(config, "audit"))  # what measures a finished model may be newer
    with pytest.raises(ApprovalError, match="--other-code"):
        approved(site, config)
    approved(site, config, other_code=True)
    frozen_config(site, order(config, "train"))


@pytest.mark.parametrize("people", [{"operator": "Ida", "officer": " ida "}, {"operator": "", "officer": "Otto"}])
def test_one_person_cannot_approve(site, config, people):
    with pytest.raises(ApprovalError, match="two people"):
        approved(site, config, **people)


def test_people_read_approve_and_withdraw_and_the_platform_learns_what_but_not_who(site, config, told, capsys):
    assert typed(site, "consent", "list") == 0 and "No configuration" in capsys.readouterr().out
    site.home.approvals.keep_asked(config)
    assert typed(site, "consent", "show", config.hash[:8]) == 0
    shown = capsys.readouterr().out
    assert RAW["purpose"] in shown and config.hash in shown and "not approved" in shown
    assert typed(site, "consent", "approve", config.hash[:8], "--operator", "Ida", "--officer", "Otto") == 0
    assert typed(site, "consent", "list") == 0 and "approved until" in capsys.readouterr().out
    assert typed(site, "consent", "withdraw", config.hash[:8], "--by", "Otto", "--reason", "enough") == 0
    assert [(m.kind, m.body["decision"], m.body["config_hash"]) for m in told] == [
        ("approval", "approved", config.hash), ("approval", "withdrawn", config.hash)
    ]  # fmt: skip
    assert not any(word in str(m.body) for m in told for word in ("Ida", "Otto", "enough"))
    assert list((site.home.folder / "outbox").glob("*.json")) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["consent", "approve", "abc", "--operator", "I", "--officer", "O"], "at least 8 hexadecimal digits"),
        (["consent", "show", "../../../key"], "at least 8 hexadecimal digits"),
        (["consent", "withdraw", "{hash}", "--by", "I", "--reason", "r"], "an approval of"),
        (["consent", "approve", "{hash}", "--operator", "I", "--officer", "I"], "two people"),
        (["opt-out", "add", " "], "got an empty one"),
    ],
)
def test_what_cannot_be_done_at_the_site_is_said_in_words(site, config, told, capsys, arguments, said):
    site.home.approvals.keep_asked(config)
    assert typed(site, *(part.format(hash=config.hash) for part in arguments)) == 1
    assert said in capsys.readouterr().err and not told


def test_without_a_folder_nothing_is_done(tmp_path, capsys):
    assert cli.main(["--home", str(tmp_path), "consent", "list"]) == 2
    assert "SITE_HOME or after --home" in capsys.readouterr().err


def test_what_cannot_be_sent_waits(site, config, monkeypatch, capsys):
    def away(postbox: Postbox, text: str) -> None:
        raise OSError("no broker")

    monkeypatch.setattr(Postbox, "deliver_once", away)
    site.home.approvals.keep_asked(config)
    assert typed(site, "consent", "approve", config.hash, "--operator", "Ida", "--officer", "Otto") == 0
    assert "cannot be reached" in capsys.readouterr().err
    assert len(list((site.home.folder / "outbox").glob("*.json"))) == 1


def test_a_site_over_flare_alone_leaves_its_words_to_its_client_and_starts_no_worker(site, config, told, monkeypatch):
    SiteHome.create(site.home.folder, replace(site.home.config, redis_url=""))
    site.home.approvals.keep_asked(config)
    assert typed(site, "consent", "approve", config.hash, "--operator", "Ida", "--officer", "Otto") == 0
    assert told == [] and len(list((site.home.folder / "outbox").glob("*.json"))) == 1
    monkeypatch.setenv("SITE_HOME", str(site.home.folder))
    with pytest.raises(SystemExit, match="start it with `python -m federation.site flare`"):
        worker.main()
