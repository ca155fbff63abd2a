"""Patients who opt out: left out of what is stated, trained on, scored and audited, and known at the site alone."""

from __future__ import annotations

import json

import pytest

from federation.domain import messages
from federation.domain.cells import MIN_TOLD
from federation.domain.learning.config import LocalConfig
from federation.domain.messages import Message, digest
from federation.domain.models.registry import default_specs
from federation.domain.run_config import RunConfig
from federation.site import cli
from federation.site.handlers import OrderRefused, Site, handle
from federation.site.home import SiteConfig, SiteHome
from federation.site.opt_outs import told
from federation.site.worker import Postbox

SEED = 3


@pytest.fixture
def site(tmp_path, monkeypatch) -> Site:
    monkeypatch.setattr(Postbox, "deliver_once", lambda postbox, text: None)
    public = messages.dump_public(messages.new_key())
    given = SiteConfig("phantom-1", "phantom:?patients=80&sites=2", public, "unix:///none")
    return Site(SiteHome.create(tmp_path / "site", given))


def frozen(site: Site) -> RunConfig:
    """A run on what the site states now."""
    primary, baseline = default_specs("segmentation", 1)
    return RunConfig(
        task="segmentation", models={"primary": primary, "baseline": baseline}, rounds=1, seed=SEED,
        local=LocalConfig(epochs=1, batch_size=8, learning_rate=0.01), epsilon_budget=None,
        data_digests={"phantom-1": digest(site.stated())},
    )  # fmt: skip


def opt_out(site: Site, *patients: str, verb: str = "add") -> None:
    assert cli.main(["--home", str(site.home.folder), "opt-out", verb, *patients]) == 0


def members(site: Site, config: RunConfig) -> list[set[str]]:
    parts = site.patients(config)
    return [set(part.record_ids) for part in (parts.train, parts.validation, parts.audit)]


def test_who_opts_out_after_the_consent_leaves_and_nobody_else_changes_parts(site):
    config = frozen(site)
    before = members(site, config)
    gone = {sorted(part)[0] for part in before}
    opt_out(site, *gone)
    assert members(site, config) == [part - gone for part in before]
    site.check_data(config)  # the run stays valid: nothing else of the data changed
    assert site.opted_out_since(config) == {"opted_out_since": f"fewer than {MIN_TOLD}"}


def test_who_opted_out_before_the_consent_is_not_in_what_is_stated_nor_comes_back_into_the_run(site):
    whole = site.data.n_patients
    patient = sorted(site.splits(SEED).train.record_ids)[0]
    opt_out(site, patient)
    stated = site.stated()
    assert stated["n_patients"] == stated["report"]["used"] == whole - 1 and stated["opted_out"] == "fewer than 10"
    config = frozen(site)
    assert site.opted_out_since(config) == {}
    opt_out(site, patient, verb="remove")
    site.check_data(config)
    assert patient not in set.union(*members(site, config)) and site.stated()["n_patients"] == whole
    assert patient in set.union(*members(site, frozen(site)))  # a new run may use the data again


def test_other_changes_of_the_data_are_still_refused(site):
    config = frozen(site)
    wrong = RunConfig.from_dict({**config.as_dict(), "data_digests": {"phantom-1": "0" * 64}})
    with pytest.raises(OrderRefused, match="now holds"):
        site.check_data(wrong)


def test_the_list_is_kept_read_and_never_leaves(site, capsys):
    patients = site.data.record_ids[:2]
    opt_out(site, *patients)
    opt_out(site, patients[0])  # twice is once
    capsys.readouterr()
    cli.main(["--home", str(site.home.folder), "opt-out", "list"])
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert set(site.home.opt_outs.entries()) == set(patients)
    answer = handle(site, Message("manifest", "coordinator", "phantom-1", "m", {}), lambda said: None)[0]
    assert not any(patient in json.dumps(answer) for patient in patients)
    assert (site.home.folder / "opt-outs.json").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("count", "said"), [(1, "fewer than 10"), (9, "fewer than 10"), (10, 10), (11, 11)])
def test_small_numbers_do_not_leave(count, said):
    assert told(count) == said
