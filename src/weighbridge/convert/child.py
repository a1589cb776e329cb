"""Our own conversion as a program behind walls: inspects and converts, and prints the record.

python -I -c "… from weighbridge.convert.child import main; main()" MODEL FOLDER CHOICE LIMITS
"""

from __future__ import annotations

import json
import sys

from weighbridge.convert.file import Choice
from weighbridge.convert.folder import convert, stamps
from weighbridge.core.errors import WeighbridgeError
from weighbridge.core.knowledge import load_knowledge
from weighbridge.core.limits import Limits
from weighbridge.scan.engine import inspect


class Nobody:
    """Wants to know nothing."""

    def note(self, text: str) -> None:
        """Nothing is said."""

    def advance(self, size: int) -> None:
        """Nothing is counted."""


def main() -> None:
    """One JSON document on standard output: the record, or why there is none."""
    path, folder, choice, bounds = sys.argv[1:5]
    limits = Limits(**json.loads(bounds))
    try:
        before = stamps(path, limits)
        inspection = inspect(path, knowledge=load_knowledge(), limits=limits, watcher=Nobody())
        record = convert(path, f"{folder}/model", inspection, before, Choice(*json.loads(choice)), limits, Nobody())
    except WeighbridgeError as error:
        json.dump({"converted": False, "refusal": error.cause, "mend": error.mend}, sys.stdout)
    else:
        json.dump(record.predicate(), sys.stdout)
