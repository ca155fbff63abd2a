"""One proof file and the leaf it proves."""

from __future__ import annotations

from dataclasses import replace

import pytest

from provenance.domain.merkle import inclusion_proof
from provenance.domain.proof import Proof, format_proof


@pytest.fixture
def check(log, verify, tmp_path):
    """Write a proof of entry 7 and its leaf, changed as asked, and check them."""

    def checked(*arguments: str, leaf: bytes | None = None, data: bytes | None = None, keys=log.vkeys, **changes):
        proof = replace(Proof(7, tuple(inclusion_proof(7, 40, log.read)), log.note(cosigned=True)), **changes)
        (tmp_path / "x.tlog-proof").write_bytes(format_proof(proof) if data is None else data)
        (tmp_path / "leaf").write_bytes(log.leaves[7] if leaf is None else leaf)
        given = [argument for key in keys for argument in ("--key", key)]
        return verify(tmp_path / "x.tlog-proof", "--entry", str(tmp_path / "leaf"), *given, *arguments)

    return checked


def test_a_proof_verifies(check, log):
    verdict = check()
    assert (verdict.kind, verdict.exit_code) == ("proof", 0)
    assert check("--witness", log.witness.verifier.vkey, "--quorum", "1").exit_code == 0
    assert check(extra=b"anything").exit_code == 0


def test_another_leaf_index_path_or_key_is_false(check, log, made):
    assert check(leaf=log.leaves[8]).exit_code == 1
    assert check(leaf=b"{}").exit_code == 1
    assert check(index=8).exit_code == 1
    assert check(hashes=tuple(inclusion_proof(8, 40, log.read))).exit_code == 1
    assert check(checkpoint=made.MadeLog().fill(40, twist=20).note()).exit_code == 1
    assert check(keys=[made.keys(made.ORIGIN, 4)[0].verifier.vkey]).exit_code == 1


def test_without_leaf_or_key_nothing_is_checked(check, log, verify, tmp_path):
    assert check(keys=[]).exit_code == 2
    assert verify(tmp_path / "x.tlog-proof", "--key", log.vkeys[0]).exit_code == 2


@pytest.mark.parametrize("cut", [30, 60, 200, 3000])
def test_a_proof_cut_short_is_refused(check, log, cut):
    whole = format_proof(Proof(7, tuple(inclusion_proof(7, 40, log.read)), log.note()))
    assert check(data=whole[:cut]).exit_code == 2


def test_a_kept_checkpoint_of_the_same_size_is_compared(check, log, made, tmp_path):
    (tmp_path / "kept").write_bytes(log.note())
    assert check("--kept", str(tmp_path / "kept")).exit_code == 0
    (tmp_path / "kept").write_bytes(made.MadeLog().fill(40, twist=3).note())
    assert check("--kept", str(tmp_path / "kept")).exit_code == 1
    (tmp_path / "kept").write_bytes(log.note(20))
    assert check("--kept", str(tmp_path / "kept")).exit_code == 2
