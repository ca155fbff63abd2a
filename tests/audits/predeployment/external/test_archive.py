"""Archives that attack: nothing they say of themselves is believed."""

from __future__ import annotations

import io
import stat
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audits.predeployment.external import archive
from audits.predeployment.external.archive import ArchiveError, members, sealed_in, taken_out, unpacked
from federation.domain.data.registry import KINDS
from tests.factories.boards import zipped


def raw_zip(*names: str, content: bytes = b"x", attributes: int = 0, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        for name in names:
            entry = zipfile.ZipInfo("placeholder")
            entry.filename, entry.external_attr, entry.compress_type = name, attributes << 16, method
            made.writestr(entry, content)
    return out.getvalue()


@pytest.mark.parametrize(
    "name",
    [
        "../evil",
        "a/../../evil",
        "/etc/passwd",
        "a\\..\\evil",
        "C:evil",
        "..",
        "a/b/c/d/e/f/g/h",
        "x" * 201,
        "a\nb",
        "a/../b",
    ],
)
def test_names_that_lead_elsewhere_are_refused(name):
    with pytest.raises(ArchiveError, match="expected names"):
        members(raw_zip(name))


LAYOUTS = {
    "heart": "processed.cleveland.data",
    "lgg": "kaggle_3m/TCGA_CS_4941_19960909/TCGA_CS_4941_19960909_1_mask.tif",
    "brats": "MICCAI_BraTS_2019_Data_Training/HGG/BraTS19_CBICA_AAB_1/BraTS19_CBICA_AAB_1_flair.nii.gz",
    "mimic_cxr": "files/p10/p10000032/s50414267/02aa804e-bde0afdd-112c0b34-7bc16630-4e384014.jpg",
}


@pytest.mark.parametrize("kind", [kind for kind, known in KINDS.items() if known.needs_path])
def test_each_sets_published_layout_is_taken_also_in_a_folder_and_from_a_mac(kind):
    names = (LAYOUTS[kind], "table.csv")
    for archived in (names, [f"set/{name}" for name in names]):
        twins = [f"__MACOSX/{name.rpartition('/')[0]}/._{name.rpartition('/')[2]}" for name in archived]
        for taken in (archived, [*archived, *twins]):
            with unpacked(raw_zip(*taken)) as root:
                assert (root / LAYOUTS[kind]).read_bytes() == b"x"


def test_links_devices_passwords_and_strange_compression_are_refused():
    for kind in (stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO):
        with pytest.raises(ArchiveError, match="link or a device"):
            members(raw_zip("a", attributes=kind | 0o777))
    for method in (zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2):
        with pytest.raises(ArchiveError, match="stored or deflated"):
            members(raw_zip("a", method=method))
    locked = bytearray(raw_zip("a"))
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(ArchiveError, match="encrypted"):
        members(bytes(locked))


def test_the_same_name_twice_in_any_case_is_refused():
    with pytest.raises(ArchiveError, match="twice"):
        members(raw_zip("a/Data.csv", "a/data.csv"))


@pytest.mark.parametrize("data", [b"", b"PK", b"not a zip", b"PK\x05\x06" + b"\0" * 18, b"PK\x03\x04" + b"\xff" * 100])
def test_what_is_no_archive_or_an_empty_one_is_refused(data):
    with pytest.raises(ArchiveError):
        members(data)


def test_too_much_is_refused(monkeypatch):
    bomb = zipped(a=b"\0" * 1_000_000)
    assert len(bomb) < 2_000
    for name, value in (("MOST_UNPACKED", 999_999), ("MOST_BYTES", 100), ("MOST_FILES", 0)):
        with monkeypatch.context() as limits:
            limits.setattr(archive, name, value)
            with pytest.raises(ArchiveError, match="at most"):
                members(bomb)


def test_a_bomb_that_lies_about_its_size_is_stopped_while_it_is_unpacked(monkeypatch):
    bomb = bytearray(zipped(a=b"\0" * 1_000_000))
    for magic, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", bomb, bomb.index(magic) + offset, 10)
    monkeypatch.setattr(archive, "MOST_UNPACKED", 1000)
    assert members(bytes(bomb))[0].file_size == 10
    with pytest.raises(ArchiveError), unpacked(bytes(bomb)):
        pass


def test_a_damaged_file_and_a_file_where_a_folder_should_be_are_refused():
    damaged = bytearray(raw_zip("a", content=b"abcdefgh" * 100))
    damaged[40] ^= 0xFF
    for data in (bytes(damaged), raw_zip("a", "a/b")):
        with pytest.raises(ArchiveError, match="intact"), unpacked(data):
            pass


def test_files_are_unpacked_for_a_while_and_a_folder_around_everything_is_stepped_into():
    with unpacked(raw_zip("set/a.txt", "set/b/c.txt", "__MACOSX/set/a.txt")) as root:
        assert root.name == "set" and (root / "b" / "c.txt").read_bytes() == b"x"
    assert not root.exists()
    with unpacked(raw_zip("a.txt", "b/c.txt")) as root:
        assert (root / "a.txt").exists()


def test_what_is_stored_belongs_to_one_audit():
    assert taken_out(sealed_in(b"data", "one"), "one") == b"data"
    assert sealed_in(b"data", "one") != sealed_in(b"data", "two")
    with pytest.raises(ArchiveError, match="of this audit"):
        taken_out(sealed_in(b"data", "one"), "two")


@given(st.binary(max_size=400), st.integers(0, 300), st.integers(0, 255))
def test_no_bytes_do_more_than_be_refused(noise, at, value):
    """Noise, and an archive with one byte changed: an error of ours or an intact archive, nothing else."""
    changed = bytearray(zipped(a__txt=b"hello" * 20))
    changed[at % len(changed)] = value
    for data in (noise, bytes(changed)):
        try:
            with unpacked(data):
                pass
        except ArchiveError:
            pass
