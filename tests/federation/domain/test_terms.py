"""The terms of a run: what they must say, that they are read as they were written, and what they tell a signer."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from federation.domain import legal_bases
from federation.domain.code_version import code_version
from federation.domain.terms import MOST_DAYS, EthicsApproval, Terms
from tests.factories.terms import ETHICS, RAW, SYNTHETIC


@pytest.mark.parametrize("change", [{}, SYNTHETIC, {"epsilon": None}, {"hipaa": "hipaa_512_i"}])
def test_terms_are_read_as_they_were_written(change):
    assert Terms.from_dict({**RAW, **change}).as_dict() == {**RAW, **change}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"purpose": " "}, "a purpose of 1 to 2000"),
        ({"purpose": "x" * 2001}, "a purpose of 1 to 2000"),
        ({"lawfulness": "gdpr_9_2_j"}, "legal basis among gdpr_6_1_a"),
        ({"lawfulness": "no_personal_data"}, "all three legal bases or as none"),
        ({"ethics": None}, "an ethics approval"),
        ({"ethics": {**ETHICS, "number": ""}}, "approval's number of 1 to 200"),
        ({"ethics": {"body": "REC"}}, "an ethics approval with body, number, valid_until"),
        ({"ethics": {**ETHICS, "valid_until": "2027-06-29"}}, "holds until the terms end on 2027-06-30"),
        ({"expires_on": "30 June"}, "YYYY-MM-DD, got '30 June'"),
        ({"expires_on": None}, "YYYY-MM-DD, got None"),
        ({"code_version": "v1"}, "64 hexadecimal digits"),
        ({"surprise": 1}, "terms with code_version"),
    ],
)
def test_terms_that_say_too_little_are_refused_in_words(change, said):
    with pytest.raises(ValueError, match="expected") as refused:
        Terms.from_dict({**RAW, **change})
    assert said in str(refused.value)


def test_terms_end_in_the_future_and_not_in_the_far_one():
    terms, last = Terms.from_dict(RAW), date(2027, 6, 30)
    terms.check_dates(last)
    terms.check_dates(last - timedelta(days=MOST_DAYS))
    for today in (last + timedelta(days=1), last - timedelta(days=MOST_DAYS + 1)):
        with pytest.raises(ValueError, match="expected an end of the terms"):
            terms.check_dates(today)


def test_a_signer_reads_all_of_it_in_words():
    said = dict(Terms.from_dict(RAW).rows())
    assert said["Lawfulness"].startswith("GDPR Art. 6(1)(e)") and "public interest" in said["Lawfulness"]
    assert said["Ethics approval"] == "REC North, 2026/17, valid until 2027-06-30"
    assert "ε = 3" in said["Loss of privacy"] and "2027-06-30" in said["Ends"] and said["Code version"] == "a" * 64
    assert dict(Terms.from_dict({**RAW, "epsilon": None}).rows())["Loss of privacy"] == "Not bounded"


def test_every_legal_basis_has_one_code_a_reference_and_words():
    for among in (legal_bases.LAWFULNESS, legal_bases.SPECIAL_CATEGORY, legal_bases.HIPAA):
        assert len({basis.code for basis in among}) == len(among)
        plain = {legal_bases.NO_PERSONAL_DATA, legal_bases.NOT_APPLICABLE}
        assert all(basis.words and (basis.reference or basis.code in plain) for basis in among)


def test_an_approval_holds_a_date():
    with pytest.raises(ValueError, match="expected a date"):
        EthicsApproval("REC", "1", "2027-06-30")  # type: ignore[arg-type]


def test_the_code_has_a_version_that_is_the_same_each_time():
    assert code_version() == code_version.__wrapped__() and len(code_version()) == 64
