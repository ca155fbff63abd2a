"""From what the sites hold to a trained model: what each person does, through the API and at the sites."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from qflethics.demo import at_site
from qflethics.demo.client import wait_until
from qflethics.demo.stage import REASON, Figures, Stage, StepFailed

ROUNDS = 4
PHANTOM_EPSILON = 5.0
CLASSIFICATION_EPSILON = 10.0  # of the recommended private training
# Few patients need more local work a round than the default, which is measured on phantoms.
LGG_LOCAL = {"epochs": 12, "batch_size": 2, "learning_rate": 0.002, "dp": None}  # 0.003 and more come apart


class Training(Stage):
    """Proposed, consented to and approved at each site, and trained."""

    def sites_report(self) -> Figures:
        """Every site's worker is up and has said what data it holds."""

        def look() -> dict[str, Any] | None:
            found = self.act_as("administrator").get(f"/federations/{self.access['federation']}")
            return found if all(p["manifest"] for p in found["participants"]) else None

        self.federation = wait_until(look, what="the sites' data manifests", seconds=90)
        patients = {p["site"]: p["manifest"]["content"]["n_patients"] for p in self.federation["participants"]}
        return {"sites": len(patients), "patients": patients}

    def propose(self) -> Figures:
        """An administrator freezes a configuration on the data that the sites hold now."""
        administrator = self.act_as("administrator")
        held = {p["site"]: p["manifest"]["digest"] for p in self.federation["participants"]}
        for summary in administrator.get("/runs", federation=self.federation["id"])["results"]:
            run = administrator.get(f"/runs/{summary['id']}")
            if run["config"]["data_digests"] == held and run["state"] not in {"aborted", "failed"}:
                self.run = run
                return {"found": True, "state": run["state"], "config_hash": run["config_hash"]}
        proposal = {"name": f"Demonstration run {datetime.now(UTC):%Y-%m-%d %H:%M}", "rounds": ROUNDS, "seed": 7}
        self.run = administrator.post(
            f"/federations/{self.federation['id']}/runs", {**proposal, **self.training, **self.terms}
        )
        return {"found": False, "rounds": ROUNDS, "config_hash": self.run["config_hash"]}

    @property
    def terms(self) -> Figures:
        """A synthetic federation's terms follow from it. Of real, public data, the demonstration says what it is."""
        if self.federation["synthetic"]:
            return {}
        last = (datetime.now(UTC).date() + timedelta(days=30)).isoformat()
        board = {"body": "None was asked: a demonstration on published data", "number": "none", "valid_until": last}
        bases = {"lawfulness": "not_applicable", "special_category": "not_applicable", "hipaa": "hipaa_514_b"}
        return {"terms": {**bases, "ethics": board, "expires_on": last}}

    @property
    def training(self) -> Figures:
        """Differential privacy where the patients can pay for it.

        Classification trains privately by default; phantoms are many enough to; of lgg's 77 patients nothing would be
        left.
        """
        if self.source in {"heart", "mimic_cxr"}:
            return {"scores": {"epsilon": CLASSIFICATION_EPSILON}}
        if self.source == "lgg":
            return {"local": LGG_LOCAL}
        from federation.domain.learning.defaults import private_config

        return {
            "local": private_config("segmentation").as_dict(),
            "epsilon_budget": PHANTOM_EPSILON,
            "scores": {"epsilon": PHANTOM_EPSILON},
        }

    def consent(self) -> Figures:
        """Each site's operator and ethics officer sign exactly this configuration, and approve it at their site."""
        signed = approved = 0
        if self.run["state"] == "proposed":
            for site in self.sites:
                signed += sum(self._sign(site, role) for role in ("operator", "officer"))
                approved += at_site.approve(
                    self.access["homes"][site], self.run["config_hash"], operator=f"operator.{site}",
                    officer=f"officer.{site}",
                )  # fmt: skip

            def look() -> bool:
                self._refresh_run()
                return self.run["state"] != "proposed"

            wait_until(look, what="what the sites say of the approvals", seconds=60)
        return {"signed_now": signed, "approved_at_sites_now": approved, "state": self.run["state"]}

    def _sign(self, site: str, role: str) -> bool:
        answer = next(found for found in self.run["answers"] if found["site"] == site)
        if any(s["capacity"] == role and s["decision"] == "given" for s in answer["signatures"]):
            return False
        given = {"decision": "given", "reason": REASON}
        self.act_as(f"{role}.{site}").post(f"/runs/{self.run['id']}/consents", given)
        return True

    def train(self) -> Figures:
        """Rounds over all sites until the run has finished."""
        started = self.run["state"] == "approved"
        if started:
            self.act_as("administrator").post(f"/runs/{self.run['id']}/start")
        if self.run["state"] == "paused":
            self.act_as("administrator").post(f"/runs/{self.run['id']}/resume")
        shown = 0

        def look() -> bool:
            nonlocal shown
            self._refresh_run()
            done = [r for r in self.run["rounds"] if r["state"] == "done"]
            for finished in done[shown:]:
                print(
                    f"      round {finished['number']} of {self.run['config']['rounds']}: {_headline(finished)}",
                    flush=True,
                )
            shown = len(done)
            return self.run["state"] in {"finished", "failed", "aborted"}

        wait_until(look, what="the training to finish", seconds=420)
        if self.run["state"] != "finished":
            raise StepFailed(f"the run is {self.run['state']}: {self.run['stop_reason']}")
        last = self.run["rounds"][-1]
        return {
            "found": not started,
            "rounds": len(self.run["rounds"]),
            "quantum": last["metrics"]["primary"]["overall"],
            "classical_twin": last["metrics"]["baseline"]["overall"],
            "epsilon": last["metrics"]["epsilon"],
        }

    def _refresh_run(self) -> None:
        self.run = self.act_as("administrator").get(f"/runs/{self.run['id']}")


def _headline(finished: dict[str, Any]) -> str:
    parts = []
    for name, label in (("primary", "quantum"), ("baseline", "classical twin")):
        overall = finished["metrics"][name]["overall"]
        metric = "dice" if "dice" in overall else "accuracy"
        mean = overall[metric]["mean"]
        parts.append(f"{label} {metric} {'not defined' if mean is None else f'{mean:.3f}'}")
    return ", ".join(parts)
