"""`manage.py witness`: the administrator's hand on who watches the log."""

from __future__ import annotations

import io
import sys

import pytest
from django.core.management import CommandError, call_command

from core.models import Outbox
from provenance.models import Witness
from provenance.witness.state import WitnessHome

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("witness", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture
def stranger(tmp_path) -> WitnessHome:
    return WitnessHome.create(tmp_path / "w", name="auditor.example/w")


def test_a_witness_is_added_listed_set_aside_and_taken_back(stranger, tmp_path):
    assert "Nobody" in run("list")
    keys = tmp_path / "keys.txt"
    keys.write_text("\n".join(stranger.vkeys))
    assert "asked at https://auditor.example." in run("add", "https://auditor.example/", "--keys", str(keys))
    assert "auditor.example/w: 0 entries, 0 behind, last never, via https://auditor.example" in run("list")
    run("off", "auditor.example/w", "--reason", "retired")
    assert "(set aside)" in run("list")
    run("on", "auditor.example/w", "--reason", "back")
    assert Witness.objects.get().is_active


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("add", "https://a.example"), "Give the witness's keys"),
        (("add", "https://a.example", "--key", "junk"), "Not a witness's key"),
        (("add", "https://a.example", "--keys", "/nonexistent"), "No such file"),
        (("add", "https://a.example", "--keys", sys.executable), "can't decode"),
        (("off", "nobody", "--reason", "x"), "No witness is called"),
    ],
)
def test_a_wrong_call_is_told_in_words(arguments, words):
    with pytest.raises(CommandError, match=words):
        run(*arguments)


def test_setting_aside_needs_a_reason(stranger):
    run("add", "https://a.example", "--key", stranger.vkeys[0])
    with pytest.raises(CommandError, match="reason"):
        run("off", "auditor.example/w")


def test_each_change_is_on_its_way_into_the_ledger(stranger):
    run("add", "https://a.example", "--key", stranger.vkeys[0], "--reason", "our auditor")
    run("off", "auditor.example/w", "--reason", "it lied")
    found = Outbox.objects.filter(table="provenance_witness").order_by("id")
    assert [change.said.action for change in found] == ["witness.register", "witness.deactivate"]
    assert all(change.said.reason for change in found)  # sealed: `core.context`
