"""Model fields for personal text: ciphertext in the database, clear text only where a program reads the attribute.

    reason = SealedTextField(subject="decided_by_id")

`subject` is the attribute of the row that names whose key seals the text (its writer, or the person it describes). A
row without a subject was written by the platform itself and stays clear. Reading opens lazily; once the key is
shredded, reading gives "[erased]". `values()`, raw SQL, triggers and the log see ciphertext.
"""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.core import checks, exceptions
from django.core.validators import MaxLengthValidator, validate_email
from django.db import models
from django.db.models.expressions import Col
from django.db.models.lookups import Exact, In
from django.db.models.query_utils import DeferredAttribute

from core import vault
from core.pseudonyms import blind_address

ERASED = "[erased]"


class Sealed(str):
    """A text as the database holds it: ciphertext."""


class Clear(str):
    """A text that no person wrote: the platform's own words, stored as they are."""


class Opened(str):
    """A sealed text, read. It remembers its ciphertext, so that writing it back unchanged changes nothing."""

    origin: tuple[str, Any]
    sealed: Sealed
    erased: bool = False


class SealedAttribute(DeferredAttribute):
    """Opens on reading, and keeps the ciphertext when the same text is written back."""

    field: SealedTextField

    def __get__(self, instance: models.Model | None, cls: Any = None) -> Any:
        if instance is None:
            return self
        value = super().__get__(instance, cls)
        return self.field.reveal(instance, value) if isinstance(value, Sealed) else value

    def __set__(self, instance: models.Model, value: Any) -> None:
        name = self.field.attname
        if isinstance(value, Opened):
            value = value.sealed if value.origin == self.field.origin(instance) else str(value)
        if isinstance(value, str) and not isinstance(value, Sealed | Clear):
            before = instance.__dict__.get(name)
            if isinstance(before, Sealed) and self.field.reveal(instance, before) == value:
                return
        instance.__dict__[name] = value


class SealedTextField(models.TextField):
    """Text sealed under the key of the person that `subject` names (see this module).

    Parameters
    ----------
    subject : str
        Attribute of the row that holds the person's UUID, such as ``"decided_by_id"``, or ``"id"`` of a person's own
        row. It never changes once the text is written.
    blind_index : str, optional
        A `BlindIndexField` of the same model, through which `exact`, `iexact` and `in` look-ups find the row.
    """

    descriptor_class = SealedAttribute

    def __init__(self, *args: Any, subject: str = "", blind_index: str = "", **kwargs: Any) -> None:
        self.subject, self.blind_index = subject, blind_index
        super().__init__(*args, **kwargs)
        if self.max_length is not None:
            self.validators.append(MaxLengthValidator(self.max_length))

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        kwargs["subject"] = self.subject
        if self.blind_index:
            kwargs["blind_index"] = self.blind_index
        return name, path, args, kwargs

    def check(self, **kwargs: Any) -> list[checks.CheckMessage]:
        found = super().check(**kwargs)
        if not self.subject:
            found.append(checks.Error("A sealed field names the subject whose key seals it.", obj=self, id="core.E001"))
        if self.name in {part.lstrip("-") for part in self.model._meta.ordering or () if isinstance(part, str)}:
            found.append(checks.Error("Ciphertext has no order: sort in Python.", obj=self, id="core.E002"))
        return found

    # --- where the text belongs ---------------------------------------------------------------------------------

    @property
    def describes_itself(self) -> bool:
        """Whether the row is the person: the text is a name or an address, not something that a person wrote."""
        return self.subject == self.model._meta.pk.attname

    def origin(self, instance: models.Model) -> tuple[str, Any]:
        return (self.context_of(instance.pk), getattr(instance, self.subject))

    def context_of(self, pk: Any) -> str:
        """The place that a text is bound to. Who renames a table or a column must seal its texts again."""
        return f"{self.model._meta.db_table}.{self.column}:{pk}"

    def reveal(self, instance: models.Model, sealed: Sealed) -> str:
        subject = getattr(instance, self.subject)
        return Clear(sealed) if subject is None else self.reveal_stored(sealed, subject=subject, pk=instance.pk)

    def reveal_stored(self, sealed: str, *, subject: uuid.UUID, pk: Any) -> Opened:
        """Open a stored text of this column; "[erased]" once the key is gone."""
        text = vault.open(subject, sealed, self.context_of(pk))
        opened = Opened(ERASED if text is None else text)
        opened.origin, opened.sealed, opened.erased = (self.context_of(pk), subject), Sealed(sealed), text is None
        return opened

    # --- to and from the database -------------------------------------------------------------------------------

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        if not isinstance(value, str):
            return value
        return Sealed(value) if vault.is_sealed(value) else Clear(value)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = model_instance.__dict__.get(self.attname)
        if not value or isinstance(value, Sealed | Clear):
            return value
        subject = getattr(model_instance, self.subject)
        stored: str
        if subject is None:
            stored = Clear(value)
        else:
            stored = Sealed(vault.seal(subject, str(value), self.context_of(model_instance.pk)))
        model_instance.__dict__[self.attname] = stored
        return stored

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        if value and not isinstance(value, Sealed | Clear):
            raise exceptions.FieldError(
                f"{self} is sealed under a person's key, so it is written with save() or bulk_create(), never with "
                "update() or bulk_update(), which know no person. The platform's own words: update(x=Clear(...))."
            )
        return super().get_db_prep_save(str(value) if value else value, connection)

    def value_to_string(self, obj: models.Model) -> str:
        """Fixtures carry ciphertext, as a dump of the database does."""
        value = self.pre_save(obj, add=False)
        return "" if value is None else str(value)

    # --- look-ups -----------------------------------------------------------------------------------------------

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name == "isnull":
            return super().get_lookup(lookup_name)
        if self.blind_index and lookup_name in _BLIND:
            return _BLIND[lookup_name]
        through = f"by exact, iexact or in (through {self.blind_index})" if self.blind_index else "only by isnull"
        raise exceptions.FieldError(
            f"{self} is sealed: the database holds ciphertext and cannot compare it. It can be looked up {through}; "
            "filter in Python otherwise."
        )

    def get_transform(self, lookup_name: str) -> None:
        return None


class SealedEmailField(SealedTextField):
    """An address, sealed."""

    default_validators = [validate_email]
    description = "Email address, sealed"

    def formfield(self, **kwargs: Any) -> Any:
        return super(models.TextField, self).formfield(
            **{"form_class": forms.EmailField, "max_length": self.max_length, **kwargs}
        )


class SealedSecretField(SealedTextField):
    """A credential of a person's, sealed. It is nothing that they wrote: no page opens it, no legal duty keeps it."""

    @property
    def describes_itself(self) -> bool:
        return True


class BlindIndexField(models.CharField):
    """HMAC of a sealed column, kept with it: finds a row by a value that the database does not know.

    Unlike the column it is deterministic, so it is never captured into the log, and it is emptied on erasure.
    """

    def __init__(self, *args: Any, source: str = "", **kwargs: Any) -> None:
        self.source = source
        kwargs = {"max_length": 64, "null": True, "editable": False, "unique": True, **kwargs}
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "source": self.source}

    def index_of(self, text: str) -> str:
        return blind_address(f"{self.model._meta.db_table}.{self.source}", text)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        text = getattr(model_instance, self.source)
        if not (isinstance(text, Opened) and text.erased):
            setattr(model_instance, self.attname, self.index_of(text) if text else None)
        return getattr(model_instance, self.attname)


class _Blind:
    """Compares the blind index instead of the sealed column."""

    def __init__(self, lhs: Any, rhs: Any) -> None:
        if not isinstance(lhs, Col):
            raise exceptions.FieldError("A sealed column can be compared only by itself, with plain values.")
        # Django asks the sealed field for its look-ups, so the left side is such a column, and names its index.
        field: SealedTextField = lhs.target  # type: ignore[assignment]  # see above
        index: BlindIndexField = field.model._meta.get_field(field.blind_index)  # type: ignore[assignment]  # see above
        values = rhs if isinstance(rhs, list | tuple | set | frozenset) else [rhs]
        if not all(isinstance(value, str | None) for value in values):
            raise exceptions.FieldError(f"{field} is sealed: it can be compared with plain text only, got {rhs!r}.")
        found = [None if value is None else index.index_of(value) for value in values]
        super().__init__(  # type: ignore[call-arg]  # of the look-up that this is mixed into
            index.get_col(lhs.alias), found if values is rhs else found[0]
        )


class _BlindExact(_Blind, Exact):
    pass


class _BlindIn(_Blind, In):
    pass


_BLIND = {"exact": _BlindExact, "iexact": _BlindExact, "in": _BlindIn}


def open_row(model: type[models.Model], row: dict[str, Any]) -> dict[str, Any]:
    """A captured row with what people wrote in it opened, for somebody who may read it.

    Names and addresses of people stay sealed: the ledger's pages know roles, not names.
    """
    opened, columns = dict(row), {field.attname: str(field.column) for field in model._meta.concrete_fields}
    for field in model._meta.concrete_fields:
        if not isinstance(field, SealedTextField) or field.describes_itself:
            continue
        stored, subject = row.get(columns[field.attname]), row.get(columns[field.subject])
        if isinstance(stored, str) and vault.is_sealed(stored) and subject:
            pk = row.get(columns[model._meta.pk.attname])
            text = field.reveal_stored(stored, subject=uuid.UUID(str(subject)), pk=pk)
            opened[columns[field.attname]] = str(text)
    return opened
