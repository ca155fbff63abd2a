"""The meter of a site: measured where it may be read, else as declared, else not at all."""

from __future__ import annotations

import time

import pytest

from federation.site.energy import Meter
from federation.site.home import SiteConfig, SiteHome


def test_without_a_figure_there_are_cpu_seconds_and_no_energy(tmp_path):
    found = Meter(powercap=tmp_path).read()
    assert set(found) == {"cpu_seconds"}
    assert found["cpu_seconds"] >= 0


def test_declared_watts_are_multiplied_and_named(tmp_path):
    meter = Meter(20.0, powercap=tmp_path)
    meter._cpu -= 3  # three seconds of work
    found = meter.read()
    assert found["cpu_seconds"] == pytest.approx(3, abs=0.5)
    assert found["joules"] == pytest.approx(20 * found["cpu_seconds"], abs=0.1)
    assert (found["energy_source"], found["watts"]) == ("declared", 20.0)


def powercap(folder, counters: dict[str, tuple[str, int]], most: int = 10_000):
    """What the kernel shows under /sys/class/powercap: links to zones, in which zones of their parts lie.

    Counters and their range are in joules, large beside what the kilowatt of a test's milliseconds could be.
    """
    devices = folder / "devices"
    (folder / "powercap").mkdir(exist_ok=True)
    (folder / "powercap" / "intel-rapl").mkdir(exist_ok=True)  # the control type, which counts nothing
    for zone, (name, counter) in counters.items():
        own = devices / zone
        own.mkdir(parents=True, exist_ok=True)
        for file, text in (("name", name), ("energy_uj", 10**6 * counter), ("enabled", 0)):
            (own / file).write_text(f"{text}\n")
        (own / "max_energy_range_uj").write_text(f"{10**6 * most}\n")
        if not (folder / "powercap" / zone).exists():
            (folder / "powercap" / zone).symlink_to(own)
    return folder / "powercap"


@pytest.mark.parametrize(("before", "after", "joules"), [
    ({"intel-rapl:0": ("package-0", 1_000)}, {"intel-rapl:0": ("package-0", 6_500)}, 5500.0),
    ({"intel-rapl:0": ("package-0", 9_000)}, {"intel-rapl:0": ("package-0", 1_000)}, 2000.0),  # over its range
    (
        {"intel-rapl:0": ("package-0", 0), "intel-rapl:0:0": ("core", 0), "intel-rapl:1": ("package-1", 9_500),
         "intel-rapl:0:1": ("dram", 0), "intel-rapl:2": ("psys", 0)},
        {"intel-rapl:0": ("package-0", 3_000), "intel-rapl:0:0": ("core", 2_000),
         "intel-rapl:1": ("package-1", 500), "intel-rapl:0:1": ("dram", 1_000),
         "intel-rapl:2": ("psys", 9_000)},
        4000.0,  # 3 kJ of one processor and, over its range, 1 of the other; their parts are in them
    ),
])  # fmt: skip
def test_the_packages_of_the_machine_are_added_up(tmp_path, before, after, joules):
    tree = powercap(tmp_path, before)
    meter = Meter(20.0, powercap=tree)
    powercap(tmp_path, after)
    found = meter.read()
    assert (found["joules"], found["energy_source"]) == (joules, "rapl")


@pytest.mark.parametrize(
    ("seconds", "source"), [(6, "rapl"), (13, "declared"), (3600, "declared")], ids=["once", "twice", "an hour"]
)
def test_a_counter_that_may_have_started_again_unseen_is_no_measurement(tmp_path, monkeypatch, seconds, source):
    """2 kJ were seen of a counter of 10 kJ: 12 kJ look alike, and 1 kW makes them in 12 seconds."""
    tree = powercap(tmp_path, {"intel-rapl:0": ("package-0", 9_000)})
    meter = Meter(20.0, powercap=tree)
    powercap(tmp_path, {"intel-rapl:0": ("package-0", 1_000)})
    now = time.monotonic
    monkeypatch.setattr(time, "monotonic", lambda: now() + seconds)
    assert meter.read()["energy_source"] == source


def test_a_counter_that_starts_again_many_times_is_measured_by_looking_in_between(tmp_path, monkeypatch):
    """An hour of 150 W: 540 kJ of a counter of 100 kJ, seen every minute."""
    counter, clock = 9_000, [time.monotonic()]
    tree = powercap(tmp_path, {"intel-rapl:0": ("package-0", counter)}, most=100_000)
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    meter = Meter(powercap=tree)
    for _ in range(60):
        counter, clock[0] = (counter + 9_000) % 100_000, clock[0] + 60
        powercap(tmp_path, {"intel-rapl:0": ("package-0", counter)}, most=100_000)
        meter.look()
    found = meter.read()
    assert (found["joules"], found["energy_source"]) == (540_000.0, "rapl")


def test_what_was_not_seen_once_is_not_measured_by_looking_again(tmp_path, monkeypatch):
    tree, clock = powercap(tmp_path, {"intel-rapl:0": ("package-0", 9_000)}), [time.monotonic()]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    meter = Meter(20.0, powercap=tree)
    clock[0] += 3600
    meter.look()
    clock[0] += 1
    assert meter.read()["energy_source"] == "declared"


def test_a_counter_without_a_range_is_no_measurement(tmp_path):
    tree = powercap(tmp_path, {"intel-rapl:0": ("package-0", 1)})
    (tmp_path / "devices" / "intel-rapl:0" / "max_energy_range_uj").unlink()
    assert "joules" not in Meter(powercap=tree).read()


def test_a_package_that_may_not_be_read_leaves_the_declared_figure(tmp_path):
    tree = powercap(tmp_path, {"intel-rapl:0": ("package-0", 1), "intel-rapl:1": ("package-1", 1)})
    (tmp_path / "devices" / "intel-rapl:1" / "energy_uj").write_text("")  # as EACCES for all but root, since 2020
    found = Meter(20.0, powercap=tree).read()
    assert found["energy_source"] == "declared"


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
