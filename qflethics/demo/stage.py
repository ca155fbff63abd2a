"""What the steps of the demonstration share: the people, and what was found or made so far."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from qflethics.demo.client import Client

REASON = "Demonstration of the platform."
Figures = dict[str, Any]


class StepFailed(Exception):
    """A step's outcome is not what it must be."""


class Stage:
    """Who acts where, and what the steps pass on to one another."""

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
