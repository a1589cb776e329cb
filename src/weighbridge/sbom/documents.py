"""What the files beside the weights say, read by whoever may read files and handed to `collect`.

Nothing here opens a file. Text and trees are hostile: they are values, never instructions.
"""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from weighbridge.core.claims import Claim

LONGEST = 300
"""Characters of one value that are kept."""
MOST = 400
"""Values of one kind that are kept."""
HYPERPARAMETERS = "hyperparameters"
FRAMEWORKS = "frameworks"


class CardValue(NamedTuple):
    """A value of the front matter: keys joined by dots lead to it."""

    path: str
    value: str


class CardPassage(NamedTuple):
    """What the card says of one subject: a field of its knowledge, `hyperparameters` or `frameworks`."""

    subject: str
    text: str
    line: int


class CardSays(NamedTuple):
    """A model card: values of its front matter and what it says in words."""

    values: tuple[CardValue, ...] = ()
    passages: tuple[CardPassage, ...] = ()

    def of(self, key: str) -> list[str]:
        """Every value of a key: itself, or the items of its list."""
        return [
            one.value.strip()
            for one in self.values
            if one.value.strip()
            and (one.path == key or (one.path.startswith(f"{key}.") and one.path[len(key) + 1 :].isdigit()))
        ]


class Documents(NamedTuple):
    """Everything that stands beside the weights: JSON trees, lists of packages and training arguments by their path."""

    trees: Mapping[str, Any] = {}
    requirements: Mapping[str, str] = {}
    training_args: Mapping[str, bytes] = {}
    card: CardSays | None = None
    claims: tuple[Claim, ...] = ()
    problems: tuple[str, ...] = ()
    versions: Mapping[str, tuple[tuple[str, str], ...]] = {}
    """Packages and versions that are written in pickles, by the path of the pickle."""

    def named(self, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Objects of files with this name, with their paths."""
        for path, tree in sorted(self.trees.items()):
            if path.rpartition("/")[2] == name and isinstance(tree, dict):
                yield path, tree


def text_of(value: Any) -> str:
    """A value of JSON as text; empty for what is nothing or nested."""
    if value is None or isinstance(value, dict):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value) if abs(value) < 1 << 128 else ""
    if isinstance(value, list):
        parts = [text_of(item) for item in value[:64]]
        return ", ".join(part for part in parts if part)[:LONGEST]
    return str(value)[:LONGEST]
