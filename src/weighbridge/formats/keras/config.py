"""Serialized Keras objects: what a configuration makes Keras import, build, call, and read.

    {"module": M, "class_name": C, "config": {…}, "registered_name": R, "build_config": …, "compile_config": …}
        Keras ≥ 2.13; functions are the class `function` with their name as config, lambdas the class `__lambda__` with
        marshalled code in base64
    {"class_name": C, "config": {…}}
        before, and in HDF5 files until today; a Lambda has `function_type` and [code, defaults, closure]

Objects nest anywhere: layers, wrappers, optimizers, losses, metrics, arguments in inbound_nodes. Roads of the facts:
`keras-class` and `keras-function` (module and name; `arguments` has the registered name if it is another one),
`keras-lambda` (the named function of a Lambda layer), `keras-tf-op` (a function of TensorFlow), `keras-bytecode`, and
for files `keras-vocabulary` and `keras-saved-model`. Source: Keras 3.15, `saving/serialization_lib.py`,
`legacy/saving/`, `layers/core/lambda_layer.py`; CVE-2024-3660, CVE-2025-1550, CVE-2025-8747,
CVE-2025-9905, CVE-2025-9906, CVE-2025-12058.
"""

from __future__ import annotations

from weighbridge.core.errors import FormatError
from weighbridge.core.facts import FileReference, Limit, Oddity, Reference, UnreadSpan
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.grammars.json_tree import parse_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget

HELPERS = frozenset(
    (
        "__keras_tensor__",
        "__tensor__",
        "__numpy__",
        "__bytes__",
        "__ellipsis__",
        "__slice__",
        "TensorShape",
        "CompositeTensorSpec",
    )
)
"""Class names that stand for plain values; the last two are from Keras 2 (`json_utils.py`)."""
MODELS = frozenset(("Sequential", "Functional", "Model"))
_CODED = ("function", "output_shape", "mask")
"""Parts of a Lambda layer that can be code; each has a `…_type` and a `…_module` beside it in the old form."""
_TENSORFLOW = ("TFOpLambda", "SlicingOpLambda")
"""Layers of Keras 2 that call a function of TensorFlow by its name."""
_FILES = {"vocabulary": "keras-vocabulary", "merges": "keras-vocabulary"}
KEY = 200
"""Characters of a place in the document that are kept: the end of it."""
_MODELS = (("TFSMLayer", "filepath"), ("KerasLayer", "handle"))
"""Layers that are models of their own, of Keras and of TensorFlow Hub, and where they keep the place of it."""
_LEAD = 64


def is_keras(tree: Any, raw: bytes = b"") -> bool:
    """Whether a JSON document is a serialized Keras object, or may have one in it as `raw` shows."""
    if _is_model(tree) or (isinstance(tree, dict) and "module" in tree and "class_name" in tree and "config" in tree):
        return True
    import re

    # Nobody honest writes a letter as \\u0063.
    return b"class_name" in raw or re.search(rb"\\u00[5-7]", raw) is not None


def _is_model(node: Any) -> bool:
    """Whether a tree is a whole model, in the new form or the old one."""
    if not isinstance(node, dict) or not isinstance(node.get("class_name"), str):
        return False
    return node["class_name"] in MODELS and isinstance(node.get("config"), (dict, list))


def keras_facts(tree: Any, key: str, offset: int, budget: Budget, *, old: bool = False) -> Iterator[Fact]:
    """What loading the objects of a configuration imports, calls and reads: each class and function once.

    `key` says where the tree stands. The old form is believed inside of a model, or everywhere if `old`: other
    documents have a `class_name` too.
    """
    pending: list[tuple[str, Any, bool]] = [(key, tree, old)]
    coded: set[int] = set()
    told: set[Reference] = set()
    while pending:
        path, node, inside = pending.pop()
        below: list[tuple[str, Any]] = []
        if isinstance(node, dict):
            inside = inside or _is_model(node)
            for fact in _object(node, path, offset, coded, old=inside):
                if isinstance(fact, Reference) and fact.road != "keras-bytecode":
                    bare = fact._replace(key="")
                    if bare in told:
                        continue
                    told.add(bare)
                if budget.facts <= 0:
                    yield Limit("facts", budget.limits.facts, offset)
                    return
                budget.facts -= 1
                yield fact
            below = [(name[:100], node[name]) for name in node]
        elif isinstance(node, list):
            below = [(str(index), value) for index, value in enumerate(node)]
        pending.extend(
            (f"{path}.{name}"[-KEY:].lstrip("."), value, inside)
            for name, value in reversed(below)
            if isinstance(value, (dict, list))
        )


def config_in_text(text: str, key: str, offset: int, budget: Budget, *, certain: bool = False) -> Iterator[Fact]:
    """The same for text that may be a configuration; `certain` if loaders take it for one: then it has to be read."""
    if not certain and (("class_name" not in text and "\\u" not in text) or text.lstrip()[:1] not in ("{", "[")):
        return
    if len(text) > budget.limits.document:
        yield Limit("document", budget.limits.document, offset)
        return
    raw = text.encode("utf-8", "surrogatepass")
    try:
        tree, duplicates = parse_json(raw, offset)
    except FormatError as error:
        if certain:
            yield UnreadSpan(offset, 8, f"{key!r} is no configuration that can be read: {error.cause}")
        return
    for name in duplicates:
        yield Oddity("duplicate-key", f"{name!r} stands twice in {key!r}; readers disagree on which counts", offset)
    if certain or is_keras(tree, raw):
        yield from keras_facts(tree, key, offset, budget, old=certain)


def _object(node: dict[str, Any], path: str, offset: int, coded: set[int], *, old: bool) -> Iterator[Fact]:
    """The facts of one object. `coded` collects the functions of Lambda layers, which come after their layer."""
    name, module, registered = (node.get(field) for field in ("class_name", "module", "registered_name"))
    if not isinstance(name, str) or "config" not in node:
        return
    config = node["config"]
    if name == "__lambda__":
        yield _bytecode(config.get("code", config.get("value")) if isinstance(config, dict) else config, path, offset)
    elif name == "function":
        # Where the registered name is another one, loaders may go by either.
        other = registered if isinstance(registered, str) and registered not in ("function", config) else ""
        road = "keras-lambda" if id(node) in coded else "keras-function"
        yield Reference(road, _dotted(module, config), path, other[:KEY], offset)
    elif name == "__typespec__":
        yield Reference("keras-class", _dotted(module, node.get("spec_name")), path, "", offset)
    elif name not in HELPERS and (old or module is not None or registered is not None):
        other = registered if isinstance(registered, str) and registered != name else ""
        yield Reference("keras-class", _dotted(module, name), path, other[:KEY], offset)
        if isinstance(config, dict):
            yield from _files(name, config, path, offset)
            if name.rpartition(">")[2] == "Lambda":
                yield from _lambda(config, path, offset, coded)
            elif name in _TENSORFLOW and isinstance(config.get("function"), str):
                yield Reference("keras-tf-op", config["function"][:KEY], f"{path}.config.function"[-KEY:], "", offset)


def _dotted(module: Any, name: Any) -> str:
    parts = [str(part) for part in (module, name) if part]
    return ".".join(parts)[:300]


def _bytecode(code: Any, path: str, offset: int) -> Reference:
    lead = code[0] if isinstance(code, list) and code else code
    return Reference("keras-bytecode", "__lambda__", path, str(lead)[:_LEAD], offset)


def _lambda(config: dict[str, Any], path: str, offset: int, coded: set[int]) -> Iterator[Fact]:
    """The old form of a Lambda layer, whose configuration has names and code itself; the new one has objects."""
    for part in _CODED:
        value, kind = _listed(config.get(part)), config.get(f"{part}_type")
        place = f"{path}.config.{part}"[-KEY:]
        if isinstance(value, dict):
            coded.add(id(value))
        elif (isinstance(value, list) and value and isinstance(value[0], str)) or (value and kind == "lambda"):
            yield _bytecode(value, place, offset)
        elif isinstance(value, str) and kind != "raw":
            module = config.get("module" if part == "function" else f"{part}_module")
            yield Reference("keras-lambda", _dotted(module, value), place, "", offset)


def _listed(value: Any) -> Any:
    """The items of a tuple as the metadata of a SavedModel writes it; any other value as it is."""
    if isinstance(value, dict) and value.get("class_name") == "__tuple__" and isinstance(value.get("items"), list):
        return value["items"]
    return value


def _files(name: str, config: dict[str, Any], path: str, offset: int) -> Iterator[Fact]:
    for field, road in _FILES.items():
        if isinstance(config.get(field), str):
            yield FileReference(road, config[field][:1000], f"{path}.config.{field}"[-KEY:], offset)
    for layer, field in _MODELS:
        if name == layer and config.get(field) is not None:
            yield FileReference("keras-saved-model", str(config[field])[:1000], f"{path}.config.{field}"[-KEY:], offset)
