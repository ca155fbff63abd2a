"""The demonstration's impact assessment (GDPR Art. 35): it says of itself what it is."""

from __future__ import annotations

from typing import Any

from qflethics.demo.client import Client

_DEMO = "This is a demonstration on synthetic or published data; nobody's care depends on it."
SECTIONS = {
    "description": f"{_DEMO} Sites train a model together; its answers are stored under pseudonyms and watched.",
    "necessity": f"{_DEMO} The purpose is to show the platform, and no hospital's own patients are taken for that.",
    "risks": f"{_DEMO} With patients of a hospital: a case could be traced to a person, or a group be served worse.",
    "measures": f"{_DEMO} Data stay at their sites, updates are masked, patients are pseudonyms, bias halts the model.",
    "advice": "None was asked: a demonstration has no data protection officer.",
    "views": "Nobody was asked: no hospital's own patients are concerned.",
    "conclusion": "No high risk remains to anybody, so no authority is consulted.",
}


def assess(model: str, *, writer: Client, signer: Client, password: str) -> dict[str, Any]:
    """A model's newest signed assessment; one person writes it and another signs it if there is none."""
    signed = writer.get("/protection/assessments", model=model, state="signed")["results"]
    if signed:
        return signed[0]
    drafts = writer.get("/protection/assessments", model=model, state="draft")["results"]
    draft = drafts[0] if drafts else writer.post("/protection/assessments", {"model": model})
    where = f"/protection/assessments/{draft['id']}"
    draft = writer.put(where, {"revision": draft["revision"], "sections": SECTIONS})
    return signer.post(f"{where}/signature", {"revision": draft["revision"], "password": password})
