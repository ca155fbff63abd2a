from __future__ import annotations

import time

from core.process import LoopCommand
from federation import gate_files, joining, mailbox
from federation.models import Participant


class Command(LoopCommand):
    help = "Takes the sites' answers, and asks again what was not answered."
    lock_name = "inbox"

    def interval(self) -> float:
        return 0.05

    def start(self) -> None:
        self.inbox = mailbox.Inbox(joins=joining.join_receive)
        self.refreshed = self.resent = 0.0
        self.participants: list[Participant] = []
        self.invited: list[str] = []

    def step(self) -> bool:
        now = time.monotonic()
        if now - self.refreshed > 2:
            self.participants = list(Participant.objects.filter(is_active=True))
            joining.invitations_expire()
            self.invited = joining.sites_expected()
            if (door := gate_files.address()) is not None:
                gate_files.renew(str(door.hostname))
            self.refreshed = now
        if now - self.resent > 2:
            mailbox.orders_resend()
            self.resent = now
        return bool(self.inbox.poll(self.participants, invited=self.invited))
