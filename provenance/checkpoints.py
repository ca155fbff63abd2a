"""Signed statements of size and root, made only of what is committed."""

from __future__ import annotations

from django.conf import settings

from provenance import keys
from provenance.domain.checkpoint import Checkpoint as Statement
from provenance.domain.checkpoint import sign_checkpoint
from provenance.domain.tiles import Frontier
from provenance.models import ChainState, Checkpoint


class LogRolledBack(Exception):
    """The database holds less than was anchored: an old copy was restored. Signing it would fork the log."""


def checkpoint_sign(frontier: Frontier) -> Checkpoint | None:
    """Sign the tree as it stands, if it has grown since the last checkpoint.

    Raises
    ------
    LogRolledBack
        If the chain holds a tree that this database never signed.
    """
    last = Checkpoint.objects.first()
    if frontier.size == 0 or (last is not None and last.size >= frontier.size):
        return None
    chain = ChainState.objects.first()
    # Not only the size: an old copy that has grown past the anchored size holds another history.
    if (
        chain is not None
        and chain.head_size
        and not Checkpoint.objects.filter(size=chain.head_size, root=bytes(chain.head_root)).exists()
    ):
        raise LogRolledBack(
            f"{chain.head_size} entries are anchored under a root that this database of {frontier.size} entries never "
            "signed. Restore the newer backup; nothing is signed until then."
        )
    statement = Statement(settings.LOG_ORIGIN, frontier.size, frontier.root())
    note = sign_checkpoint(statement, keys.log_signers()).decode()
    return Checkpoint.objects.create(size=statement.size, root=statement.root, note=note)
