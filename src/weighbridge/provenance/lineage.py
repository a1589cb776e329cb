"""Which models a model was made of, as far as it says, followed through what is known here."""

from __future__ import annotations

from typing import NamedTuple


class Known(NamedTuple):
    """What our own store knows of a model that another one names as its base.

    `name` is how it is called here, `digest` its model digest (empty: it has none yet), `revision` the commit that it
    came from, `bases` the names of the models that it was made of itself, `licence` what it declares, `relation` how it
    says that it was made of them.
    """

    name: str
    digest: str = ""
    revision: str = ""
    bases: tuple[str, ...] = ()
    licence: str = ""
    relation: str = ""
