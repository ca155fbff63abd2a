"""Run under `.venv-flare`: keeps one standing job a site, and writes down how each site stands.

`python -m federation.engines.flare_admin KIT FOLDER`: the folder holds sites.json (client to channel: who may work), a
job for each of them, and state.json, which is written here.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from federation.engines.flare_kit import JOB
from provenance.witness.state import write_whole

LOOK_SECONDS = 1.0
HEARD_SECONDS = 30.0  # a client tells its server every 10 s that it lives
PATIENCE_SECONDS = 6.0  # before a job that its client does not know is given up, and between two jobs


class Keeper:
    """One look after another at server, clients and jobs."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        self.folder, self.clock = folder, clock
        self._since: dict[str, float] = {}  # job -> when its client was first seen without it
        self._given: dict[str, float] = {}  # site -> when it was last given a job
        self._ended: set[str] = set()  # jobs that are over, whatever the server's store says of them

    def look(self, session: Any) -> dict[str, Any]:
        """Give jobs to whom has none, end those of whom may not work; returns how each stands, and who is not known."""
        sites = json.loads((self.folder / "sites.json").read_text())
        info = session.get_system_info()
        heard = {client.name: client.last_connect_time for client in info.client_info}
        here, held = {job.job_id for job in info.job_info}, dict[str, set[str]]()
        for entry in session.get_client_job_status() or []:
            if entry.get("job_id") in here:  # a job that outlived its server waits for it in vain
                held.setdefault(entry.get("client_name", ""), set()).add(entry["job_id"])
        jobs = self._jobs(session)
        for site, job in list(jobs.items()):
            if site not in sites or self._lost(job, held.get(site, set())):
                self._end(session, job["job_id"])
                del jobs[site]
        return {
            "sites": {site: self._stand(session, site, heard.get(site), jobs.get(site), held) for site in sites},
            "unknown": sorted(client for client in set(heard) - set(sites) if not self._silent(heard[client])),
        }

    def _jobs(self, session: Any) -> dict[str, dict]:
        """Site to its job that has not ended; what has is cleared away."""
        found = {}
        for job in session.list_jobs(name_prefix=JOB):
            if str(job["status"]).startswith("FINISHED"):
                with contextlib.suppress(Exception):  # it is still being put away
                    session.delete_job(job["job_id"])
            elif job["job_id"] not in self._ended:
                found[str(job["job_name"]).removeprefix(JOB)] = job
        return found

    def _end(self, session: Any, job: str) -> None:
        """A job of a server that died is running in its successor's store alone, which may find nothing to abort."""
        self._ended.add(job)
        with contextlib.suppress(Exception):
            session.abort_job(job)

    def _lost(self, job: dict, held: set[str]) -> bool:
        """Whether client or server has died and come back, and knows nothing of the job that there was."""
        if job["status"] != "RUNNING" or job["job_id"] in held:
            self._since.pop(job["job_id"], None)
            return False
        return self.clock() - self._since.setdefault(job["job_id"], self.clock()) > PATIENCE_SECONDS

    def _silent(self, heard: float) -> bool:
        return self.clock() - heard > HEARD_SECONDS

    def _stand(self, session: Any, site: str, heard: float | None, job: dict | None, held: dict) -> dict[str, Any]:
        now = self.clock()
        if heard is None or self._silent(heard):
            return {"state": "away", "heard": heard}
        if job is not None:
            working = job["job_id"] in held.get(site, set())
            return {"state": "working" if working else "starting", "heard": heard}
        if now - self._given.get(site, 0.0) > PATIENCE_SECONDS:
            session.submit_job(str(self.folder / f"{JOB}{site}"))
            self._given[site] = now
        return {"state": "starting", "heard": heard}


def main(kit: str, folder: str) -> None:
    from nvflare.fuel.flare_api.flare_api import new_secure_session  # the rest is tested without FLARE

    keeper, session = Keeper(Path(folder)), None
    found: dict[str, Any]
    while True:
        try:
            session = session or new_secure_session(Path(kit).name, kit, timeout=5.0)
            found = {"error": "", **keeper.look(session)}
        except Exception as error:  # noqa: BLE001 - FLARE raises many kinds; the server is asked again
            found = {"error": f"{type(error).__name__}: {error}", "sites": {}, "unknown": []}
            if session is not None:
                with contextlib.suppress(Exception):
                    session.close()
            session = None
        write_whole(Path(folder) / "state.json", json.dumps({**found, "at": time.time()}).encode())
        time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
