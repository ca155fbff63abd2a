"""What a site tells of files that it cannot use: to its own people everything, to the coordinator no name."""

from __future__ import annotations

import gzip
import logging

import pytest

from federation.domain import messages
from federation.domain.data.dataset import ReaderUnavailable
from federation.domain.data.guarded_reader import GuardedReader
from federation.domain.messages import Message
from federation.site import join
from federation.site.handlers import Site
from federation.site.home import SiteConfig, SiteHome
from tests.factories.brats_layout import write_scan
from tests.factories.mimic_layout import Patient, Study, write_mimic
from tests.factories.postbox import Recorder, carry_out


def asked(folder, code, spec):
    """The site's answer when its manifest is asked for."""
    key = messages.new_key()
    site = Site(SiteHome.create(folder, SiteConfig(code, spec, messages.dump_public(key), "unix:///none")))
    postbox = Recorder()
    carry_out(site, postbox, messages.seal(Message("manifest", "coordinator", code, "m", {}, {}), key))
    return messages.unseal(postbox.sent[0], sender=code, public_key=messages.dump_public(site.home.key))[0]


def twice(root):
    table = root / "hosp" / "patients.csv.gz"
    lines = gzip.decompress(table.read_bytes()).decode().splitlines()
    table.write_bytes(gzip.compress("\n".join([*lines, lines[1]]).encode()))
    return "hosp/patients.csv.gz, line 4: expected one row a patient, got a second row for 10000001"


def cut(root):
    image = next((root / "files").rglob("*.jpg"))
    image.write_bytes(image.read_bytes()[:-40])
    return str(image)


@pytest.mark.parametrize(("fault", "told"), [(twice, "patients.csv.gz, line 4: expected one row a patient"),
                                             (cut, "expected a grey JPEG of 8 bits")])  # fmt: skip
def test_an_error_about_data_leaves_the_site_without_names(tmp_path, caplog, fault, told):
    root = write_mimic(tmp_path / "mimic", [Patient(f"1000000{n}", (Study(n),)) for n in (1, 2)])
    full = fault(root)
    answer = asked(tmp_path / "site", "mimic-cxr-1", f"mimic_cxr:{root}?sites=1&label=edema")
    error = answer.body["error"]
    assert not answer.ok and error.startswith("DataError: ") and told in error
    assert not any(name in error for name in ("1000000", str(tmp_path), ".jpg", "p10", "/"))
    assert full in caplog.text


def test_a_reader_that_is_away_is_told_without_names_too(tmp_path, caplog, monkeypatch):
    folder = write_scan(tmp_path / "BraTS2021_00002")

    def away(reader, path):
        raise ReaderUnavailable(str(path), "Stale file handle")

    monkeypatch.setattr(GuardedReader, "read", away)
    error = asked(tmp_path / "site", "brats-1", f"brats:{tmp_path}?sites=1&px=16").body["error"]
    assert error.startswith("ReaderUnavailable: expected a site that can read its files")
    assert "00002" not in error and str(tmp_path) not in error and str(folder) in caplog.text


def test_who_is_not_used_and_why_is_told_at_the_site_alone(tmp_path, caplog, monkeypatch):
    caplog.set_level(logging.INFO, logger="federation.site")
    root = tmp_path / "set"
    write_scan(root / "BraTS2021_00002")
    for number in (3, 4):
        write_scan(root / f"BraTS2021_0000{number}", without=("flair",))
    spec = f"brats:{root}?sites=1&px=16"
    answer = asked(tmp_path / "site", "brats-1", spec)
    assert answer.ok and "0000" not in str(answer.body["manifest"])
    line = "not used: BraTS2021_00003: modality missing: flair (expected BraTS2021_00003 with the files"
    assert line in caplog.text and "BraTS2021_00004: modality missing" in caplog.text
    said = join.check_data(spec, "brats-1")
    assert said.startswith("Read the data of 1 patients") and line in said and "BraTS2021_00004" in said
    monkeypatch.setattr(join, "MOST_LISTED", 1)
    said = join.check_data(spec, "brats-1")
    assert "00004" not in said and "and 1 more, who are all in the worker's log" in said
