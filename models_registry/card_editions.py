"""Editions of a card: written, joined with another person's, and published for everybody. An edition never changes."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import User
from core.context import by_the_platform, governed
from core.errors import ApplicationError, Conflict
from federation.domain.messages import digest as digest_of
from models_registry import approvals, cards
from models_registry.binding import latest_card
from models_registry.card_difference import Joined, joined
from models_registry.card_schema import texts_of
from models_registry.models import Card, CardPublication, PublicCard, Version
from models_registry.refusals import refusals_told


def card_edit(*, version: Version, texts: Mapping[str, str], actor: User, base: int | None = None) -> Card:
    """Write a new edition: the given texts replace the old ones, an empty text removes one, others stay.

    Parameters
    ----------
    base : int, optional
        The edition that the person began from. If there is a newer one by now, what only the other person changed is
        kept. Without it the given texts win.

    Raises
    ------
    ApplicationError
        If a text is for an element that is generated, or there is no such edition.
    CardChanged
        If another person has changed the same element meanwhile, in another way.
    Conflict
        If nothing would change. (A new edition voids open requests, so none is made in vain.)
    """
    given = cards.clean_texts(texts)
    with refusals_told(), governed(action="card.edit", actor=actor.id):
        approvals.lock_version(version)
        before = latest_card(version)
        now = texts_on(before)
        began = now if base is None else texts_on(_edition(version, base))
        wanted = {**{name: text for name, text in began.items() if name not in texts}, **given}
        both = joined(began, now, wanted)
        if both.clashes:
            raise CardChanged(before, both)
        if before is not None and both.texts == now:
            raise Conflict("Nothing has changed; the card stays as it is.")
        card = write_card(version, texts=both.texts, actor=actor)
        approvals.void_stale(version)
        return card


class CardChanged(Conflict):
    """Somebody else has changed the same elements since the edition that this person began from."""

    code = "card_changed"

    def __init__(self, newest: Card | None, both: Joined) -> None:
        edition = newest.edition if newest else 0
        names = ", ".join(clash.title for clash in both.clashes)
        told = [{"element": c.name, "before": c.before, "theirs": c.theirs, "mine": c.mine} for c in both.clashes]
        super().__init__(
            _(
                "Somebody else wrote edition %(edition)s meanwhile and changed the same parts in another way: "
                "%(names)s. Nothing is saved yet: choose the words of each, and save again on that edition."
            )
            % {"edition": edition, "names": names},
            edition=edition, clashes=told,
        )  # fmt: skip
        self.edition, self.both = edition, both


def _edition(version: Version, number: int) -> Card:
    card = version.cards.filter(edition=number).first()
    if card is None:
        raise ApplicationError(
            _("The card has no edition %(number)s; name the edition that you began from.") % {"number": number}
        )
    return card


def write_card(version: Version, *, texts: Mapping[str, str], actor: User | None) -> Card:
    content = cards.card_content(version=version, texts=texts)
    before = latest_card(version)
    return Card.objects.create(
        version=version, edition=before.edition + 1 if before else 1, content=content, digest=digest_of(content),
        written_by=actor,
    )  # fmt: skip


def texts_on(card: Card | None) -> dict[str, str]:
    return texts_of(card.content) if card else {}


def card_publish(*, card: Card, actor: User) -> CardPublication:
    """Show an edition to everybody, in the place of another one of this version.

    Raises
    ------
    Conflict
        If this edition is public already, or rests on no audit.
    """
    with refusals_told(), governed(action="card.publish", actor=actor.id):
        approvals.lock_version(card.version)
        live = CardPublication.objects.select_for_update().filter(version=card.version_id, withdrawn_at=None).first()
        if live is not None and live.card_id == card.id:
            raise Conflict(_("Edition %(edition)s is public already.") % {"edition": card.edition})
        if not card.content.get("evidence"):
            raise Conflict("This edition rests on no audit. Publish one that was written after the audit.")
        if live is not None:
            _withdraw(live)
        made = CardPublication.objects.create(
            version=card.version, card=card, card_digest=card.digest, published_by=actor
        )
        with by_the_platform(), governed(action="card.public"):
            PublicCard.objects.create(
                publication=made, edition=card.edition, card_digest=card.digest,
                weights_digest=card.version.weights_digest,
            )  # fmt: skip
        return made


def card_unpublish(*, publication: CardPublication, actor: User, reason: str = "") -> CardPublication:
    """Take a card back: its public address answers "not found" from now on. The ledger keeps that it was public."""
    with refusals_told(), governed(action="card.unpublish", actor=actor.id, reason=reason):
        locked = CardPublication.objects.select_for_update().get(id=publication.id)
        if locked.withdrawn_at is not None:
            raise Conflict("This card is not public any more.")
        return _withdraw(locked)


def _withdraw(publication: CardPublication) -> CardPublication:
    publication.withdrawn_at = timezone.now()
    publication.save(update_fields=["withdrawn_at"])
    return publication
