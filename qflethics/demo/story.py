"""What each person does in the life of a model, through the API, and what must come of it."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from federation.domain.data.registry import open_source
from qflethics.demo import at_site
from qflethics.demo.assessment import assess
from qflethics.demo.client import Client, Refused, wait_until

ROUNDS = 4
PHANTOM_EPSILON = 5.0
CLASSIFICATION_EPSILON = 10.0  # of the recommended private training
FIRM_BIAS = 0.75  # from this bias on, the phantom's gap is far over the limit (measured)
# The approved exposure: enough for the monitor to find the bias in a small site's traffic, and no more.
MOST_PREDICTIONS = 5000
# Few patients need more local work a round than the default, which is measured on phantoms.
LGG_LOCAL = {"epochs": 12, "batch_size": 2, "learning_rate": 0.002, "dp": None}  # 0.003 and more come apart
REASON = "Demonstration of the platform."
Figures = dict[str, Any]


class StepFailed(Exception):
    """A step's outcome is not what it must be."""


class Scenario:
    """Holds what the steps pass on to one another."""

    def __init__(self, base: str, access: dict[str, Any]) -> None:
        self.base, self.access = base, access
        self.sites: list[str] = access["sites"]
        self.source = access["data"].partition(":")[0]
        self.federation: dict[str, Any] = {}
        self.run: dict[str, Any] = {}
        self.version: dict[str, Any] = {}
        self.audit: dict[str, Any] = {}
        self.request: dict[str, Any] = {}
        self.deployment: dict[str, Any] = {}
        self._clients: dict[str, Client] = {}

    def act_as(self, who: str) -> Client:
        """The signed-in person: administrator, deputy, auditor, clinician, officer.<site> or operator.<site>."""
        if who not in self._clients:
            self._clients[who] = Client(self.base, self.access["people"][who]["email"], self.access["password"])
        return self._clients[who]

    @cached_property
    def officers(self) -> tuple[Client, Client]:
        return self.act_as(f"officer.{self.sites[0]}"), self.act_as(f"officer.{self.sites[1]}")

    # --- training ------------------------------------------------------------------------------------------------

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

    # --- evidence ------------------------------------------------------------------------------------------------

    def register(self) -> Figures:
        """The finished run has become a version."""

        def look() -> dict[str, Any] | None:
            found = self.act_as("auditor").get("/versions", run=self.run["id"])["results"]
            return found[0] if found else None

        self.version = wait_until(look, what="the version", seconds=60)
        return {"version": self.version["number"], "weights": self.version["weights_digest"]}

    def audit_version(self) -> Figures:
        """The pre-deployment audit, which the version has started by itself."""

        def look() -> dict[str, Any] | None:
            found = self.act_as("auditor").get("/audits", version=self.version["id"])["results"]
            done = [audit for audit in found if audit["state"] != "running"]
            return done[0] if done else None

        summary = wait_until(look, what="the audit to finish", seconds=1200)
        self.audit = self.act_as("auditor").get(f"/audits/{summary['id']}")
        if self.audit["state"] != "finished":
            raise StepFailed(f"the audit is {self.audit['state']}: {self.audit.get('stop_reason')}")
        checks = {
            check["check_id"]: {k: check[k] for k in ("verdict", "value", "lower", "upper")}
            for check in self.audit["checks"]
        }
        if self.audit["verdict"] not in self.honest_verdicts:
            expected = " or ".join(sorted(self.honest_verdicts))
            raise StepFailed(f"on this data the audit must say {expected}, it says {self.audit['verdict']}: {checks}")
        return {"verdict": self.audit["verdict"], "checks": checks}

    @property
    def honest_verdicts(self) -> set[str]:
        """What an honest audit can say here.

        Phantoms are many enough for a firm word, heart's and lgg's groups for no PASS; how much of MIMIC-CXR is read is
        the user's choice, so nothing is known beforehand.
        """
        if self.source == "mimic_cxr":
            return {"pass", "fail", "inconclusive", "not_assessable"}
        if self.source != "phantom":
            return {"fail", "inconclusive", "not_assessable"}
        bias = getattr(open_source(self.access["data"]), "bias", 0.0)
        return {"pass"} if bias == 0 else {"fail"} if bias >= FIRM_BIAS else {"pass", "fail", "inconclusive"}

    # --- decisions -----------------------------------------------------------------------------------------------

    @property
    def kind(self) -> str | None:
        """What the audit's verdict allows at most."""
        return {"pass": "clinical", "inconclusive": "shadow", "not_assessable": "shadow"}.get(self.audit["verdict"])

    def gate(self) -> Figures:
        """What the audit does not allow is refused."""
        refused = {}
        kinds = {"clinical": [], "shadow": ["clinical"], None: ["clinical", "shadow"]}[self.kind]
        for kind in kinds:
            try:
                self._ask(kind)
            except Refused as error:
                refused[kind] = error.answer.get("message", "") if isinstance(error.answer, dict) else str(error.answer)
            else:
                raise StepFailed(f"a {kind} request was accepted although the audit says {self.audit['verdict']}")
        return {"allowed": self.kind or "nothing", "refused": refused}

    def _ask(self, kind: str) -> dict[str, Any]:
        return self.act_as("administrator").post(
            "/approval-requests",
            {
                "version": self.version["id"],
                "kind": kind,
                "justification": REASON,
                "policy": {"max_predictions": MOST_PREDICTIONS},
            },
        )

    def approve(self) -> Figures:
        """Two officers of two institutions, then an administrator who is not the one who asked."""
        auditor = self.act_as("auditor")
        existing = auditor.get("/approval-requests", version=self.version["id"])["results"]
        self.request = next((r for r in existing if r["state"] in {"under_review", "approved"}), {}) or self._ask(
            self.kind or ""
        )
        self.request = auditor.get(f"/approval-requests/{self.request['id']}")
        if self.request["state"] == "approved":
            return {"found": True}
        people = [f"officer.{self.sites[0]}", f"officer.{self.sites[1]}", "deputy"]
        for who in people[len(self.request["decisions"]) :]:
            self.act_as(who).post(
                f"/approval-requests/{self.request['id']}/decisions",
                {"decision": "approve", "reason": REASON, "password": self.access["password"]},
            )
        self.request = auditor.get(f"/approval-requests/{self.request['id']}")
        if self.request["state"] != "approved":
            raise StepFailed(f"after three approvals the request is {self.request['state']}")
        return {"found": False, "kind": self.kind, "content_digest": self.request["content_digest"]}

    def assess(self) -> Figures:
        """The model's data protection impact assessment: an administrator writes it, an officer signs it."""
        signed = assess(
            self.version["model"], writer=self.act_as("administrator"), signer=self.officers[0],
            password=self.access["password"],
        )  # fmt: skip
        return {"edition": signed["edition"], "in_force_until": signed["review_on"]}

    def deploy(self) -> Figures:
        existing = self.act_as("auditor").get("/deployments", version=self.version["id"])["results"]
        self.deployment = existing[0] if existing else {}
        found = bool(self.deployment)
        if not found:
            name = f"{'Shadow' if self.kind == 'shadow' else 'Clinical'} deployment at {self.sites[0]}"
            self.deployment = self.act_as("administrator").post(
                "/deployments", {"approval_request": self.request["id"], "name": name}
            )
        return {"found": found, "state": self.deployment["state"], "kind": self.deployment["kind"]}

    # --- use and halt ----------------------------------------------------------------------------------------------

    def serve(self) -> Figures:
        """Predictions and outcomes flow without bias: nothing halts."""
        if self._state() == "halted":
            return {"found": True}
        told = self._traffic(first=0, count=96, degrade=None)
        if self._state() != "active":
            raise StepFailed("the deployment was halted by unbiased traffic")
        return told

    def halt(self) -> Figures:
        """The inputs of one group go bad; the monitor halts the deployment by itself, and the API refuses."""
        told: Figures = {"found": self._state() == "halted"}
        if not told["found"]:
            degrade = {"attribute": "sex", "group": "female", "strength": 1.0}
            told |= self._traffic(first=1000, count=4000, degrade=degrade)
            wait_until(lambda: self._state() == "halted", what="the automatic halt", seconds=60)
        try:
            self._traffic(first=9000, count=1, degrade=None, raise_on_halt=True)
        except Refused as error:
            if error.status != 423:
                raise
            told["refusal"] = error.answer
        else:
            raise StepFailed("the halted deployment served a prediction")
        halts = self.act_as("auditor").get(f"/deployments/{self.deployment['id']}/halts")["results"]
        if not halts[0]["automatic"]:
            raise StepFailed("the halt is not the monitor's")
        told["alarm"] = halts[0]["alarm"]
        return told

    def _state(self) -> str:
        return self.act_as("auditor").get(f"/deployments/{self.deployment['id']}")["state"]

    def _traffic(self, *, first: int, count: int, degrade: dict | None, raise_on_halt: bool = False) -> Figures:
        from qflethics.demo.traffic import simulate

        result = simulate(
            self.base, self.access["api_key"], self.deployment["id"], self.access["data"], self.sites[0],
            first=first, count=count, batch_size=24, degrade=degrade,
        )  # fmt: skip
        if raise_on_halt and result.halted:
            raise Refused("POST", "predictions", 423, result.halted)
        return asdict(result)

    def seen_by_officer(self) -> Figures:
        """The officer's dashboard says what needs them."""
        page = self.officers[0].http.get(f"{self.base}/", timeout=30)
        if page.status_code != 200 or self.deployment["name"] not in page.text:
            raise StepFailed("the officer's home page does not show the halted deployment")
        return {"shown": True}

    # --- account -----------------------------------------------------------------------------------------------------

    def report(self) -> Figures:
        auditor, today = self.act_as("auditor"), datetime.now(UTC).date()
        start = today.replace(month=1 if today.month <= 6 else 7, day=1)
        made = auditor.post("/reports", {"period_start": str(start), "period_end": str(today)})

        def look() -> dict[str, Any] | None:
            found = auditor.get(f"/reports/{made['id']}")
            return found if found["state"] != "queued" else None

        done = wait_until(look, what="the report", seconds=90)
        if done["state"] != "finished":
            raise StepFailed(f"the report is {done['state']}: {done.get('stop_reason')}")
        pdf = auditor.download(f"/api/v1/reports/{made['id']}/pdf")
        if not pdf.startswith(b"%PDF"):
            raise StepFailed("the report is no PDF")
        return {"bytes": len(pdf), "pdf_digest": done["pdf_digest"], "json_digest": done["json_digest"]}

    def verify(self) -> Figures:
        """The whole ledger is recomputed, and everything up to now gets onto the chain."""
        auditor = self.act_as("auditor")
        entries = auditor.get("/ledger")["entries"]

        def anchored() -> dict[str, Any] | None:
            chain = auditor.get("/ledger")["chain"]
            return chain if chain and chain["head_size"] >= entries else None

        chain = wait_until(anchored, what="the anchor", seconds=60)
        found = wait_until(
            lambda: (v := auditor.post("/ledger/verification")).get("ok") is not None and v,
            what="the verification", seconds=60,
        )  # fmt: skip
        if not found["ok"]:
            raise StepFailed(f"the ledger does not verify: {found['problems']}")
        return {
            "entries": found["entries"], "root": found["root_sha256"], "anchored_size": chain["head_size"],
            "chain_id": chain["chain_id"], "problems": [],
        }  # fmt: skip


def _headline(finished: dict[str, Any]) -> str:
    parts = []
    for name, label in (("primary", "quantum"), ("baseline", "classical twin")):
        overall = finished["metrics"][name]["overall"]
        metric = "dice" if "dice" in overall else "accuracy"
        mean = overall[metric]["mean"]
        parts.append(f"{label} {metric} {'not defined' if mean is None else f'{mean:.3f}'}")
    return ", ".join(parts)
