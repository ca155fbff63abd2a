from federation.domain.data.registry import KINDS
from qflethics.demo.setup import NAMES, PURPOSES
from qflethics.launcher.demo import SIZES, chosen_data


def test_every_data_set_can_be_demonstrated():
    assert set(NAMES) == set(PURPOSES) == set(KINDS)
    assert len(set(NAMES.values())) == len(NAMES)  # a federation is found again by its name


def test_sizes_are_declared_only_where_the_user_names_none(monkeypatch):
    monkeypatch.setenv("DATA", "mimic_cxr:/data/mimic")
    assert chosen_data() == "mimic_cxr:/data/mimic" + SIZES["mimic_cxr"]
    monkeypatch.setenv("DATA", "mimic_cxr:/data/mimic?patients=8000&px=16")
    assert chosen_data() == "mimic_cxr:/data/mimic?patients=8000&px=16"
