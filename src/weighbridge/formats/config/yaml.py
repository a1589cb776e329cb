"""Configuration as YAML: Hydra and NeMo configurations, MLflow's MLmodel, environments, anything else.

    _target_: package.Class         Hydra and NeMo call it with the other keys        road `target`
    class_path: package.Class       Lightning's command line does the same            road `target`
    target: package.Class           latent diffusion, with `params` beside it         road `target`
    flavors:
      python_function:
        loader_module: package      MLflow imports it and calls what is in it         road `mlflow`
        code: folder                MLflow puts it in front of the path of modules    road `mlflow`
    model_code_path: file.py        MLflow runs it to get the model                   road `mlflow`
    ${oc.env:NAME}                  OmegaConf puts a variable of the environment here

Every text is searched for objects, comments too; tags and aliases are those of `yaml_events.py`. A document larger than
`Limits.yaml` is only searched. Sources: hydra 1.3, `_internal/instantiate`; mlflow 3, `pyfunc/__init__.py` and
"MLflow Model format"; CVE-2025-23304 (NeMo); CVE-2024-37052 and those after it (MLflow).
"""

from __future__ import annotations

import re

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Limit, Metadata, Oddity, Reference, Span
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match, within_budget
from weighbridge.formats.config.pipelines import Pipelines
from weighbridge.formats.config.values import Values
from weighbridge.formats.grammars.yaml_events import Grown, Scalar, Tag, Twice, events
from weighbridge.formats.texts.embedded import SHORTEST, embedded_in_text
from weighbridge.formats.texts.plain import search_text
from weighbridge.formats.texts.searched import searched, searched_people

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo
    from weighbridge.formats.grammars.yaml_events import Event

_NAMES = frozenset(("MLmodel",))
_DOTTED = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)+")
_COMMENT = re.compile(r"^[ \t]*#(.{16,})$", re.MULTILINE)
_RESOLVERS = ("${oc.env:", "${env:")
_MLFLOW = ("loader_module", "model_code_path")
KEPT = 256
"""Values of one document that are kept as facts."""


class YamlConfig:
    """A YAML document, or several in one file."""

    name = "yaml"
    version = 2
    extensions = frozenset((".yaml", ".yml"))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """MAYBE by the name, for text: nothing but the name tells YAML from other text."""
        del data
        named = info.extension in self.extensions or info.name in _NAMES
        return (
            Match.MAYBE
            if named and (b"\0" not in info.head or info.head[:2] in (b"\xff\xfe", b"\xfe\xff"))
            else Match.NO
        )

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Walk the events; what loaders act upon become facts."""
        if data.size > budget.limits.yaml:
            yield Limit("yaml", budget.limits.yaml)
            yield from search_text(data, budget)
            return
        text, same = _decoded(data.read(0, data.size))
        yield from searched(text, "text", 0, budget)
        yield from searched_people(text, "text", budget)
        for comment in _COMMENT.finditer(text):
            yield from embedded_in_text(comment[1].strip(), "comment", 0, budget)
        kept = 0
        leading = Values(info.name)
        pipelines = Pipelines(info.name)
        try:
            for event in events(text):
                if isinstance(event, Scalar):
                    yield from (leading.key if event.is_key else leading.facts)(event.path, event.value, event.offset)
                    runs = () if event.is_key else pipelines.facts(event.path, event.value, event.offset, budget)
                    if not (yield from within_budget(runs, budget, event.offset)):
                        return
                for seen in _facts(event, budget):
                    if isinstance(seen, Metadata):
                        kept += 1
                        if kept > KEPT:
                            continue
                    elif isinstance(seen, Oddity | Reference):
                        if budget.facts <= 0:
                            yield Limit("facts", budget.limits.facts, event.offset)
                            return
                        budget.facts -= 1
                    yield seen
            yield from pipelines.rest()
        except FormatError as error:
            # In other encodings the place is not known.
            place = error.offset if same else 0
            yield Span(0, place, "parsed")
            raise FormatError(error.cause, place) from None
        yield Span(0, data.size, "parsed")


def _facts(event: Event, budget: Budget) -> Iterator[Fact | Child]:
    if isinstance(event, Tag):
        yield Oddity("yaml-tag", f"{event.tag[:300]} at {event.path}", event.offset)
    elif isinstance(event, Twice):
        yield Oddity("duplicate-key", f"{event.path!r} stands twice", event.offset)
    elif isinstance(event, Grown):
        yield Oddity("yaml-aliases", "its aliases stand for more nodes than any loader should build", event.offset)
    elif isinstance(event, Scalar):
        yield from _scalar(event, budget)


def _scalar(event: Scalar, budget: Budget) -> Iterator[Fact | Child]:
    if len(event.value) >= SHORTEST:
        yield from embedded_in_text(event.value, event.path or "text", event.offset, budget)
    if event.is_key:
        return
    before, _, key = event.path.rpartition(".")
    value = event.value[:1000]
    if key in ("_target_", "class_path") or (key == "target" and _DOTTED.fullmatch(value)):
        yield Reference("target", value, event.path, "", event.offset)
    elif key in _MLFLOW or (key == "code" and before.endswith("python_function")):
        if value not in ("", "null", "~"):
            yield Reference("mlflow", value, event.path, "", event.offset)
    elif any(mark in event.value for mark in _RESOLVERS):
        yield Oddity("yaml-resolver", f"{event.path} is {value[:200]!r}", event.offset)
    if event.path.count(".") <= 1:
        yield Metadata(event.path[-200:], event.value[:200], len(event.value), event.offset)


def _decoded(raw: bytes) -> tuple[str, bool]:
    """The text of a document, and whether its places are those of the bytes. Raises FormatError if it is none."""
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    try:
        return raw.decode(encoding), encoding == "utf-8"
    except UnicodeDecodeError as error:
        raise FormatError(f"the text is not {encoding.upper()}", error.start) from None
