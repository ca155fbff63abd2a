from dataclasses import replace

import pytest

from federation.domain import noise_config
from federation.domain.privacy.config import PrivacyConfig
from federation.domain.secure.config import SecurityConfig
from federation.domain.strategies.registry import strategy

KEYS = dict.fromkeys("abcd", "0" * 64)
PRIVACY = PrivacyConfig(
    "distributed", epsilon=1.0, delta=1e-4, clip=0.5, noise_multiplier=5.0,
    **noise_config.usual(threshold=3, patients=400, parameters=149),
)  # fmt: skip
MASKS = SecurityConfig.recommended(KEYS, most_records=100, **noise_config.SECURITY)


def check(privacy=PRIVACY, masks=MASKS, rule="fedadam"):
    noise_config.check(privacy, masks and masks.as_dict(), strategy(rule), sites=4)


def test_what_is_usual_goes_together():
    check()
    check(rule="fedavg")
    assert (PRIVACY.quorum, PRIVACY.colluding, PRIVACY.levels) == (3, 1, 2**16)


def test_levels_are_halved_until_the_patients_take_half_of_the_room():
    assert noise_config.usual(threshold=3, patients=100_000, parameters=1)["levels"] == 2**13


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"masks": None}, "needs secure aggregation"),
        ({"masks": replace(MASKS, masking=False, threshold=0)}, "needs secure aggregation"),
        ({"masks": replace(MASKS, error_feedback=True)}, "error feedback"),
        ({"masks": replace(MASKS, keep=0.5)}, "share of 0.5"),
        ({"masks": replace(MASKS, field_bits=16)}, "larger field"),
        ({"privacy": replace(PRIVACY, quorum=5)}, "run's 4 sites, got 5"),
        ({"rule": "fedprox"}, "FedProx changes the local training"),
        ({"rule": "feddyn"}, "FedDyn changes the local training"),
    ],
)
def test_what_cannot_go_together_is_refused_with_the_reason(changed, words):
    with pytest.raises(ValueError, match=words):
        check(**changed)


@pytest.mark.parametrize(("quorum", "threshold", "least"), [(3, 3, 3), (4, 3, 4), (3, 4, 4)])
def test_the_larger_of_threshold_and_quorum_decides_what_is_opened(quorum, threshold, least):
    privacy = replace(PRIVACY, quorum=quorum).as_dict()
    assert noise_config.least_sites(privacy, {"threshold": threshold}) == least
    assert noise_config.least_sites(None, {"threshold": threshold}) == threshold
