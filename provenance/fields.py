"""A text column that is looked up by a hash of it.

The identifiers of objects are random text of 36 characters: a B-tree of them grows to a third of the log, and each
entry dirties a random page of it. A B-tree of their 32-bit hashes is less than half as large. (An index of PostgreSQL's
own hash type would be smaller still, but all changes of one object share a bucket there, which is searched through for
each new one: an object that changes a million times would stop the log.)
"""

from __future__ import annotations

from typing import Any

from django.db.models import F, Func, IntegerField, TextField
from django.db.models.lookups import Exact, In

HASH = "hashtext"


def hash_of(name: str) -> Func:
    """The expression that an index of the column is made of."""
    return Func(F(name), function=HASH, output_field=IntegerField())


class HashedTextField(TextField):
    """Text whose equality look-ups go through an index of `hash_of` the column, and then compare the text itself."""


@HashedTextField.register_lookup
class HashedExact(Exact):
    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        same, params = super().as_sql(compiler, connection)
        lhs, lhs_params = self.process_lhs(compiler, connection)
        rhs, rhs_params = self.process_rhs(compiler, connection)
        return f"({HASH}({lhs}) = {HASH}({rhs}) AND {same})", (*lhs_params, *rhs_params, *params)


@HashedTextField.register_lookup
class HashedIn(In):
    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        same, params = super().as_sql(compiler, connection)
        if not self.rhs_is_direct_value():
            return same, params
        lhs, lhs_params = self.process_lhs(compiler, connection)
        _, rhs_params = self.process_rhs(compiler, connection)
        hashes = ", ".join([f"{HASH}(%s)"] * len(rhs_params))
        return f"({HASH}({lhs}) IN ({hashes}) AND {same})", (*lhs_params, *rhs_params, *params)
