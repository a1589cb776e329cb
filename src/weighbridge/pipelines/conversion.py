"""What gate one does with pickles: convert them in quarantine and inspect again, refuse them, or let them be."""

from __future__ import annotations

import os

from weighbridge.convert.file import Choice
from weighbridge.convert.folder import Stamps, convert, pickled_files
from weighbridge.core.errors import NotConvertible
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.scan.engine import inspect

if TYPE_CHECKING:
    from weighbridge.convert.record import ConversionRecord
    from weighbridge.core.knowledge import Knowledge
    from weighbridge.core.limits import Limits
    from weighbridge.core.settings import StagePolicy
    from weighbridge.scan.engine import Watcher
    from weighbridge.scan.report import Inspection
    from weighbridge.sources.base import Fetched


class Settled(NamedTuple):
    """The model that goes on, as it came or converted: then `record` says what of what. A `refusal` ends the intake."""

    fetched: Fetched
    inspection: Inspection
    record: ConversionRecord | None = None
    refusal: str = ""


def without_pickles(
    fetched: Fetched,
    inspection: Inspection,
    before: Stamps,
    clean: str,
    *,
    policy: StagePolicy,
    knowledge: Knowledge,
    limits: Limits,
    watcher: Watcher,
) -> Settled:
    """Do with the pickles of a model what the stage says. `clean` is an empty folder of the quarantine."""
    pickled = sorted(pickled_files(inspection))
    if policy.pickle == "allow" or not pickled:
        return Settled(fetched, inspection)
    named = pickled[0] + (f" and {len(pickled) - 1} more" if len(pickled) > 1 else "")
    if policy.pickle == "block":
        why = f"{named}: loading it runs a pickle, and this stage takes in none; weighbridge convert makes safetensors"
        return Settled(fetched, inspection, refusal=why)
    watcher.note("converting")
    folder = os.path.join(clean, "model")
    try:
        record = convert(fetched.folder, folder, inspection, before, Choice(), limits, watcher)
    except NotConvertible as error:
        why = f"{named}: loading it runs a pickle, and it cannot be converted: {error.cause}; {error.mend}"
        return Settled(fetched, inspection, refusal=why)
    again = inspect(folder, knowledge=knowledge, limits=limits, watcher=watcher, name=fetched.name)
    if again.report.artifact.digest != record.target.digest or pickled_files(again):
        return Settled(fetched, inspection, refusal="what was converted is not what was written: try again")
    return Settled(fetched._replace(folder=folder), again, record)
