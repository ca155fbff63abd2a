"""`make backup` and `make drill` find the platform, and give a drill a server of its own that leaves nothing behind."""

from __future__ import annotations

from qflethics.launcher import continuity
from qflethics.launcher.state import State


def test_a_drill_gets_an_empty_database_that_is_gone_afterwards(monkeypatch, capsys):
    monkeypatch.setattr(continuity.os, "getpid", lambda: 4_000_001)
    state = State("drill-4000001")
    with continuity.empty_database() as urls:
        assert set(urls) == {"DRILL_OWNER_URL", "DRILL_URL"}
        assert all(continuity.answers(url) for url in urls.values())
        assert continuity.addresses(state, "qfl_drill") == {
            "DATABASE_URL": urls["DRILL_URL"], "DATABASE_OWNER_URL": urls["DRILL_OWNER_URL"],
        }  # fmt: skip
    assert not continuity.answers(urls["DRILL_OWNER_URL"])
    assert not state.data.exists() and not state.run.exists()
    assert continuity.main(["drill"]) == continuity.main(["burn", "x"]) == 2
    assert "make backup" in capsys.readouterr().err


def test_the_platform_is_the_one_that_the_environment_names(monkeypatch):
    for name in continuity.GIVEN:
        monkeypatch.setenv(name, f"given-{name}")
    with continuity.the_platform() as environment:
        assert environment["DATABASE_OWNER_URL"] == "given-DATABASE_OWNER_URL"
    for name in continuity.GIVEN:  # as in a container
        monkeypatch.delenv(name)
        monkeypatch.setenv(f"{name}_FILE", f"/run/secrets/{name.lower()}")
    with continuity.the_platform() as environment:
        assert environment["REDIS_URL_FILE"] == "/run/secrets/redis_url"
