"""Modules of ours by name, loaded when they are needed."""

from __future__ import annotations

import sys

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType


def load(name: str) -> ModuleType:
    """The module `name`, as `importlib.import_module` gives it, which costs a small scan a millisecond to load itself.

    Names are those of our own tables, never of a model. Raises ModuleNotFoundError.
    """
    __import__(name)
    return sys.modules[name]
