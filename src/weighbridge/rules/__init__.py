"""One file per family of rules. `RULES` are all; the engine loads only those that judge the facts it has."""

from __future__ import annotations

from functools import cache

from weighbridge.core.loading import load
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.rules.base import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable

    RULES: tuple[Rule, ...]

JUDGED: dict[str, frozenset[str]] = {
    "calls": frozenset(("Call", "ComputedImport", "Import", "Oddity")),
    "structure": frozenset(("Embedded", "JudgeSettings", "Link", "NameMismatch", "Native", "Oddity", "Pointer")),
    "onnx": frozenset(("ExternalData", "Graph", "Oddity", "Operator")),
    "tensorflow": frozenset(("FileReference", "Graph", "Operator")),
    "keras": frozenset(("FileReference", "Oddity", "Reference")),
    "xml_documents": frozenset(("FileReference", "Oddity", "Reference")),
    "yaml_documents": frozenset(("Oddity", "Reference")),
    "other_models": frozenset(("FileReference", "Oddity", "Reference")),
    "torch_export": frozenset(("Reference",)),
    "foreign_code": frozenset(("FileReference", "Reference")),
    "weights": frozenset(("ActiveText", "FileReference", "Oddity")),
    "r_values": frozenset(("Reference",)),
    "gguf": frozenset(("Oddity",)),
    "remote_code": frozenset(("Reference",)),
    "source_code": frozenset(("Operator", "SourceUse")),
    "source_habits": frozenset(("Oddity", "SourceUse")),
    "configuration": frozenset(("FileReference", "Oddity", "Reference", "Setting")),
    "setting_values": frozenset(("FileReference", "Oddity")),
    "run_files": frozenset(("FileReference", "Oddity", "Secret", "Setting", "SourceUse")),
    "notebooks": frozenset(("FileReference", "Oddity", "Reference", "SourceUse")),
    "templates": frozenset(("Oddity", "TemplateUse")),
    "cards": frozenset(("Markup", "Oddity")),
    "network": frozenset(("Address",)),
    "secrets": frozenset(("PersonalData", "Secret")),
    "tflite": frozenset(("FileReference", "Oddity", "Operator", "Reference")),
    "coverage": frozenset(("Limit", "UnreadSpan")),
}
"""Module of rules → the facts that they judge."""


def rules_on(facts: Iterable[str]) -> list[Rule]:
    """The rules of every module that judges one of these types of facts."""
    wanted = frozenset(facts)
    return [rule for module, judged in JUDGED.items() if judged & wanted for rule in loaded(module)]


@cache
def loaded(module: str) -> tuple[Rule, ...]:
    """The rules of one module."""
    found: tuple[Rule, ...] = load(f"weighbridge.rules.{module}").RULES
    return found


def __getattr__(name: str) -> tuple[Rule, ...]:
    if name == "RULES":
        return tuple(rule for module in JUDGED for rule in loaded(module))
    raise AttributeError(name)
