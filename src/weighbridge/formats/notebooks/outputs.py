"""What a notebook shows: outputs, attachments and the state of widgets, by their type.

    image/png, …                        base64 of a picture                       a blob of its own
    text/html, image/svg+xml, text/markdown    documents                          a blob of its own
    application/javascript              a script, which a trusted notebook runs   fact `script`
    application/vnd.jupyter.widget-state+json  {"state": {id: {"model_module", "model_name", "state"}}}
    application/json, …+json            data; addresses in it are fetched by what shows it
    text/…                              text, which is searched

Notebooks before version 4 name the types by short words (`png`, `html`). An unknown type is searched and said.
Sources: nbformat 5, schemas 3 and 4; Jupyter widgets, "Embedding widgets"; Plotly and Vega-Lite schemas.
"""

from __future__ import annotations

import re

from weighbridge.core.facts import Child, FileReference, Oddity, Reference, SourceUse, UnreadSpan
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.texts.embedded import SHORTEST, embedded_in_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from weighbridge.core.facts import Fact
    from weighbridge.core.limits import Budget

SHORT = {
    "html": "text/html", "svg": "image/svg+xml", "png": "image/png", "jpeg": "image/jpeg", "pdf": "application/pdf",
    "latex": "text/latex", "json": "application/json", "javascript": "application/javascript", "text": "text/plain",
}  # fmt: skip
"""Keys of outputs before version 4."""
PICTURES = {"image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "image/webp": "webp", "image/bmp": "bmp"}
BINARY = {**PICTURES, "application/pdf": "pdf", "audio/wav": "wav", "audio/mpeg": "mp3", "video/mp4": "mp4"}
DOCUMENTS = {"text/html": "html", "image/svg+xml": "svg", "text/markdown": "md"}
SCRIPTS = frozenset(
    (
        "application/javascript",
        "text/javascript",
        "application/ecmascript",
        "text/ecmascript",
        "application/x-javascript",
    )
)
WIDGETS = "application/vnd.jupyter.widget-state+json"
TEXTS = ("text/plain", "text/latex", "text/x-", "application/vnd.jupyter.stderr", "application/vnd.jupyter.stdout")
_JSON = re.compile(
    r"application/(?:json|geo\+json|vnd\.(?:plotly\.v\d+\+json|vegalite\.v\d+(?:\.json|\+json)|vega\.v\d+(?:\.json|\+json)|"
    r"jupyter\.widget-(?:view|state)\+json|holoviews_(?:load|exec)\.v\d+\+json|bokehjs_(?:load|exec)\.v\d+\+json|"
    r"dataresource\+json|google\.colaboratory\.[\w.+-]+|databricks\.v\d+\+[\w.-]+|azureml[\w.+-]*json|code\.notebook\.[\w.+-]+|"
    r"jupyter\.(?:error|cell)\+json|microsoft\.[\w.+-]*json))"
)
"""Types of data that known programs write."""
_OTHER_KNOWN = re.compile(
    r"application/vnd\.(?:holoviews_load\.v\d|bokehjs_load\.v\d|bokehjs_exec\.v\d|holoviews_exec\.v\d)\+json"
)
_CAPABILITIES = (
    (
        "kernel",
        re.compile(
            r"kernel\s*\.\s*(?:execute|invokeFunction|requestExecute)|invokeFunction|Jupyter\.notebook|IPython\.notebook|jupyterapp"
        ),
    ),
    ("requests", re.compile(r"\bfetch\s*\(|XMLHttpRequest|sendBeacon|WebSocket|EventSource|\bimport\s*\(")),
    (
        "network",
        re.compile(
            r"\bfetch\s*\(|XMLHttpRequest|sendBeacon|WebSocket|EventSource|\.src\s*=|importScripts|\bimport\s*\("
        ),
    ),
    ("cookies", re.compile(r"document\s*\.\s*cookie|localStorage|sessionStorage|_xsrf|jupyter-config-data")),
    ("eval", re.compile(r"\beval\s*\(|\bFunction\s*\(|atob\s*\(|fromCharCode|document\.write|\\x[0-9a-f]{2}\\x")),
)
_REACHES = frozenset(("kernel", "cookies", "requests"))
"""What no script of a plot has to reach for."""
_ADDRESS = re.compile(r"(?:https?|ftp|wss?|file)://\S+|//[\w.-]+\.\w+/\S*")
_SCHEMES = re.compile(r"\s*(?:java|vb)script\s*:", re.IGNORECASE)
_MARKUP = re.compile(r"<\s*[a-zA-Z!/]|&[#\w]+;")


def kind_of_output(mime: str) -> str:
    """How a type is read: binary, document, script, data, text, or an empty string if nothing is known of it."""
    mime = mime.partition(";")[0].strip().lower()
    if mime in BINARY:
        return "binary"
    if mime in DOCUMENTS:
        return "document"
    if mime in SCRIPTS:
        return "script"
    if _JSON.fullmatch(mime) or mime.endswith(("+json", "/json")):
        return "data"
    return "text" if mime.startswith(("text/plain", *TEXTS)) else ""


def known_data(mime: str) -> bool:
    """Whether a type of data is one that known programs write."""
    return _JSON.fullmatch(mime) is not None or _OTHER_KNOWN.fullmatch(mime) is not None


def script_use(name: str, text: str, key: str, offset: int) -> SourceUse:
    """A script as a fact; its traits are what it reaches for."""
    traits = tuple(trait for trait, pattern in _CAPABILITIES if pattern.search(text))
    shown = " ".join(text[:300].split())[:160]
    return SourceUse("script", name, f"{key}: {shown}", "shown", traits, offset)


def picture(mime: str, text: str, name: str, start: int, end: int) -> Iterator[Child | UnreadSpan]:
    """The blob that base64 stands for, in the bytes from `start` to `end`."""
    import binascii

    letters = "".join(text.split())
    try:
        content = binascii.a2b_base64(letters, strict_mode=True)
    except ValueError:
        yield UnreadSpan(start, end - start, f"the base64 of {name} is broken")
        return
    if content:
        yield Child(f"{name}.{BINARY[mime]}", start, end - start, Reader(MemorySource(content)))


def document(mime: str, text: str, name: str, start: int, end: int) -> Iterator[Fact | Child]:
    """A document for whichever format reads it; a text without any markup needs none."""
    extension = DOCUMENTS[mime]
    if extension == "html":
        from weighbridge.formats.notebooks.script_shapes import without_known_scripts

        page = without_known_scripts(text)
        if page.known:
            text = page.text
            yield SourceUse("script", "known", f"{name}: {page.known} scripts that are known", "shown", (), start)
    yield from shown_file(f"{name}.{extension}", text, name, start, end)


def shown_file(name: str, text: str, key: str, start: int, end: int) -> Iterator[Fact | Child]:
    """A text as a file called `name`, if some format is there for its extension; else what markup does in it."""
    from weighbridge.formats import promised
    from weighbridge.formats.texts.active import active_text

    extension = name[name.rfind(".") :].lower()
    if not text.strip():
        return
    raw = text.encode("utf-8", "surrogatepass")
    if "<script" in text.lower():
        scripts = script_use("text/html", text, key, start)
        if _REACHES & set(scripts.traits):
            yield scripts
    if extension == ".md" or promised(extension):
        yield Child(name, start, end - start, Reader(MemorySource(raw)))
    elif _MARKUP.search(text):
        kind, told = active_text(text)
        if kind == "markup":
            yield script_use("text/html", text if "script" in told.lower() else told, f"{key}: {told}", start)


def data_facts(mime: str, value: Any, key: str, offset: int, budget: Budget) -> Iterator[Fact | Child]:
    """What a value of JSON holds: hidden objects, scripts as addresses, and addresses that are fetched to show it."""
    if mime == WIDGETS:
        yield from widgets(value, key, offset)
    told = 0
    for path, leaf in leaves(value):
        if not isinstance(leaf, str):
            continue
        if len(leaf) >= SHORTEST:
            yield from embedded_in_text(leaf, f"{key}.{path}", offset, budget)
        if _SCHEMES.match(leaf):
            yield script_use(mime, leaf, f"{key}.{path}", offset)
        elif path.rpartition(".")[2] in ("url", "source", "src", "href") and _ADDRESS.match(leaf) and told < 20:
            told += 1
            yield FileReference("notebook-address", leaf[:300], f"{key}.{path}"[-300:], offset)


def widgets(value: Any, key: str, offset: int) -> Iterator[Fact | Child]:
    """The modules that a browser loads to show widgets, and the markup and scripts in their state."""
    states = value.get("state") if isinstance(value, dict) else None
    if not isinstance(states, dict):
        yield Oddity("widget-state", f"{key}: the state of widgets is no object", offset)
        return
    seen: set[str] = set()
    for model in states.values():
        if not isinstance(model, dict):
            yield Oddity("widget-state", f"{key}: a widget is no object", offset)
            continue
        held = model.get("state")
        state = held if isinstance(held, dict) else {}
        for module, name in (
            (model.get("model_module"), model.get("model_name")),
            (state.get("_view_module"), state.get("_view_name")),
            (state.get("_model_module"), state.get("_model_name")),
        ):
            if module is not None and str(module) not in seen:
                seen.add(str(module))
                yield Reference("widget", str(module)[:200], f"{key}: {str(name)[:80]}", "", offset)
        code = state.get("_esm") or state.get("_css")
        if isinstance(code, str) and code:
            yield script_use("anywidget", code, key, offset)


def leaves(tree: Any) -> Iterator[tuple[str, Any]]:
    """Every text, number and key in a value of JSON with its path; keys count as values of their own path."""
    stack: list[tuple[str, Any]] = [("", tree)]
    while stack:
        path, node = stack.pop()
        if isinstance(node, dict):
            for name in node:
                if len(name) >= SHORTEST:
                    yield path, name
            stack.extend((f"{path}.{name[:60]}"[-200:] if path else name[:60], inner) for name, inner in node.items())
        elif isinstance(node, list):
            # Numbers of a list are most of what there is, and nothing hides in them.
            stack.extend(
                (f"{path}.{index}"[-200:], inner)
                for index, inner in enumerate(node)
                if isinstance(inner, str | dict | list)
            )
        else:
            yield path, node
