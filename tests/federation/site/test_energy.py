"""The meter of a site: measured where it may be read, else as declared, else not at all."""

from __future__ import annotations

import pytest

from federation.site.energy import Meter
from federation.site.home import SiteConfig, SiteHome


def test_without_a_figure_there_are_cpu_seconds_and_no_energy(tmp_path):
    found = Meter(rapl=tmp_path).read()
    assert set(found) == {"cpu_seconds"}
    assert found["cpu_seconds"] >= 0


def test_declared_watts_are_multiplied_and_named(tmp_path):
    meter = Meter(20.0, rapl=tmp_path)
    meter._cpu -= 3  # three seconds of work
    found = meter.read()
    assert found["cpu_seconds"] == pytest.approx(3, abs=0.5)
    assert found["joules"] == pytest.approx(20 * found["cpu_seconds"], abs=0.1)
    assert (found["energy_source"], found["watts"]) == ("declared", 20.0)


@pytest.mark.parametrize(("before", "after", "joules"), [(1_000_000, 6_500_000, 5.5), (9_000_000, 1_000_000, 2.0)])
def test_a_counter_that_can_be_read_is_taken_also_over_its_range(tmp_path, before, after, joules):
    (tmp_path / "max_energy_range_uj").write_text("10000000")
    (tmp_path / "energy_uj").write_text(str(before))
    meter = Meter(20.0, rapl=tmp_path)
    (tmp_path / "energy_uj").write_text(str(after))
    found = meter.read()
    assert (found["joules"], found["energy_source"]) == (joules, "rapl")


@pytest.mark.parametrize(
    ("overlays", "watts", "expected"),
    [("on", "12.5", (True, 12.5)), ("maybe", "", (False, None)), ("", "", (False, None))],
)
def test_the_environment_of_the_worker_decides(tmp_path, monkeypatch, overlays, watts, expected):
    home = SiteHome.create(tmp_path / "a", SiteConfig("a", "phantom:", "key", "unix:///x"))
    assert (home.config.overlays, home.config.watts) == (False, None)
    monkeypatch.setenv("SITE_OVERLAYS", overlays)
    monkeypatch.setenv("SITE_WATTS", watts)
    assert (home.config.overlays, home.config.watts) == expected


@pytest.mark.parametrize("watts", ["many", "-3", "nan", "0", "inf"])
def test_watts_that_cannot_be_are_refused_at_the_start(tmp_path, monkeypatch, watts):
    home = SiteHome.create(tmp_path / "a", SiteConfig("a", "phantom:", "key", "unix:///x"))
    monkeypatch.setenv("SITE_WATTS", watts)
    with pytest.raises(ValueError, match="expected SITE_WATTS over 0"):
        _ = home.config
