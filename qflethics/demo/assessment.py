"""What the demonstration writes into its impact assessment (GDPR Art. 35): it says of itself what it is."""

from __future__ import annotations

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
