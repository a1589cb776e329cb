"""Scripts that plotting libraries write into notebooks, known by their shape: everything but their data.

The shape of a script is the digest of its words and signs. Left out are space, comments, values of JSON (lists and
objects of constants only), identifiers of plots, and version numbers in addresses of the libraries' own hosts; all
other texts count as they are written. A script of few, harmless words needs no known shape: it can only do what its
words do. Whatever is neither stays in the page for whoever judges scripts.
Sources: what plotly 7.1, bokeh 3.9, altair 6.3 and scikit-learn 1.9 wrote on 2026-11-29; ECMA-262, 12 (words
and signs); HTML standard, 13.2.5.4 (scripts end with `</script`).
"""

from __future__ import annotations

import re

from weighbridge.core.digests import digest_bytes
from weighbridge.core.records import NamedTuple

SHAPES = {
    "f884a423c2db5b5c43609537b6333bcf": "plotly 7.1, page",
    "2306bc997aa2e61a2532f589cbd71c78": "plotly 7.1, notebook",
    "e66be0bc4d916704044a1d36d29fc444": "bokeh 3.9, notebook",
    "4cab39f32d36b985008a8f04012c1141": "bokeh 3.9, components",
    "26606da3533205f71c3d289444c10594": "altair 6.3, page",
    "bf499c7b0413e5fd155f1a4a84e3443d": "altair 6.3, notebook",
    "d7d8adb65cfd4e4a96bbaa4ec06056fc": "scikit-learn 1.9, estimator",
}
"""Shape → who writes it."""
STYLES = {"0869d3edd253b97a37dc264999718a35": "scikit-learn 1.9, estimator"}
"""Digest of a style, its space made even → who writes it. It is known as it is: it lays hints over the page."""
WORDS = frozenset(
    """const let var function return if else for of in new true false null async await try catch finally throw
    typeof undefined then error err e i key element document window querySelector querySelectorAll
    getElementById forEach createElement appendChild classList add remove contains toggle style display width
    height color fill margin padding background backgroundColor border cursor opacity innerHTML console log warn
    disabled parentElement google colab kernel accessAllowed invokeFunction output renderOutput buttonEl
    quickchartButtonEl dataTable docLinkHtml docLink charts convertToInteractive quickchart suggestCharts
    MathJax Hub Config SVG font PlotlyConfig MathJaxConfig""".split()  # noqa: SIM905 -- words read better than a list of them
)
"""Words that show or hide what is there: none of them fetches, sends or runs anything, or reads a text."""
ELEMENTS = frozenset(("div", "span", "p", "button"))
FUNCTIONS = frozenset(("convertToInteractive", "suggestCharts", "generateWithVariable", "getEmptyDataframe"))
"""Functions of Colab that may be asked of the kernel."""
_TOKEN = re.compile(
    r"(?P<space>\s+|//[^\n]*|/\*.*?\*/)|(?P<text>\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*')|(?P<template>`(?:[^`\\]|\\.)*`)"
    r"|(?P<number>-?\d[\w.+-]*)|(?P<word>[A-Za-z_$][\w$]*)|(?P<sign>.)",
    re.DOTALL,
)
_IDENTIFIER = re.compile(r"[#.]?[\w.-]*[0-9a-fA-F]{8}[\w-]{0,60}|p\d+|[#.]?vis|#?sk-[\w-]+")
_HOSTS = re.compile(
    r"https://(?:cdn\.plot\.ly/plotly|cdn\.jsdelivr\.net/npm/(?:vega|vega-lite|vega-embed|vega-lib|@holoviz/panel)\b|cdn\.bokeh\.org/bokeh/|"
    r"cdnjs\.cloudflare\.com/ajax/libs/(?:mathjax|require\.js)/|unpkg\.com/@holoviz/)[\w@./?=-]*"
)
_TAG = re.compile(r"<script((?:\s+[\w-]+(?:=\"[^\"<>]*\")?)*)\s*>(.*?)</script\s*>", re.DOTALL | re.IGNORECASE)
_ATTRIBUTE = re.compile(r"\s+([\w-]+)(?:=\"([^\"]*)\")?")
_HANDLER = re.compile(
    r"\sonclick=\"(?:(?:convertToInteractive|quickchart)\('[\w-]{1,80}'\)|"
    r"copyToClipboard\(&?'[\w.-]{1,80}'\s*,\s*this\.parentElement\.nextElementSibling\))\"",
)
_ACTIVE = re.compile(
    r"(?:java|vb)script\s*:|<\s*(?:script|iframe|object|embed|img|svg|link|meta|base|form)\b|\bon\w+\s*=", re.IGNORECASE
)
_STYLE = re.compile(r"<style(?: type=\"text/css\")?>(.*?)</style\s*>", re.DOTALL | re.IGNORECASE)
_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_PICTURE = re.compile(r"url\(\"?data:image/(?:svg\+xml|png|gif|jpeg);base64,[A-Za-z0-9+/=]*\"?\)")
_LOADS = re.compile(r"[<\\@]|url|fixed|expression|behavior|binding|javascript", re.IGNORECASE)
_LITERALS = frozenset(("true", "false", "null", "D"))
LONGEST = 4 * 1024 * 1024
"""Characters of a script whose shape is taken."""


class Page(NamedTuple):
    """A page without the scripts that are known, and how many those were."""

    text: str
    known: int


def without_known_scripts(text: str) -> Page:
    """Take known scripts, the attributes that call them, and styles that only say how things look out of a page."""
    if "<!--" in text and "<script" in text.lower():
        return Page(text, 0)
    kept: list[str] = []
    known = place = 0
    for found in _TAG.finditer(text):
        if _is_known(found[1], found[2]):
            kept.append(text[place : found.start()])
            place = found.end()
            known += 1
    page = _STYLE.sub(lambda found: "" if _is_plain(found[1]) else found[0], "".join(kept) + text[place:])
    if known and "<script" not in page.lower():
        page = _HANDLER.sub("", page)
    return Page(page, known)


def _is_plain(style: str) -> bool:
    """Whether a style only says how things look: it loads nothing, covers nothing, and holds no markup.

    A picture inside of an address is only drawn: browsers run no script of a picture.
    """
    if digest_bytes(" ".join(style.split()).encode("utf-8", "surrogatepass")).hex[:32] in STYLES:
        return True
    if any(re.search(r"<(?![a-z]+>)|</", comment) for comment in _COMMENT.findall(style)):
        return False
    rest = re.sub(r"@(?:media|supports|keyframes)\b([^{}@<\\]*)\{", r"\1{", _COMMENT.sub("", style))
    return _LOADS.search(_PICTURE.sub("", rest)) is None


def _is_known(attributes: str, body: str) -> bool:
    given = {name.lower(): value for name, value in _ATTRIBUTE.findall(attributes)}
    if set(given) - {"type", "src", "charset", "integrity", "crossorigin", "async", "defer"}:
        return False
    if given.get("type", "text/javascript") not in ("text/javascript", "application/javascript"):
        return False
    if "src" in given:
        return not body.strip() and _HOSTS.fullmatch(given["src"]) is not None
    return not body.strip() or known_script(body)


def known_script(body: str) -> bool:
    """Whether a script has a known shape, or only harmless words."""
    if len(body) > LONGEST:
        return False
    words = _tokens(body)
    return _harmless(words) or shape(body) in SHAPES


def shape(body: str) -> str:
    """The digest of a script without its data."""
    kept: list[str] = []
    opened: list[int] = []
    for kind, piece in _tokens(body):
        if piece in ("[", "{", "("):
            opened.append(len(kept))
            kept.append(piece)
        elif piece in ("]", "}", ")"):
            start = opened.pop() if opened else len(kept)
            inside = kept[start + 1 :]
            # What stands behind a name or a bracket is an index into it, and says which part is meant.
            index = (
                piece == "]" and start > 0 and (kept[start - 1][-1:].isalnum() or kept[start - 1] in (")", "]", "$"))
            )
            if piece != ")" and not index and all(one in (",", ":") or one[:1] in ("D", "T", "N") for one in inside):
                del kept[start:]
                kept.append("D")
            else:
                kept.append(piece)
        elif kind == "text":
            kept.append(_text(piece))
        elif kind == "number":
            kept.append(f"N{piece}")
        else:
            kept.append("D" if piece in _LITERALS else piece if kind != "word" else f"w{piece}")
    return digest_bytes(" ".join(kept).encode("utf-8", "surrogatepass")).hex[:32]


def _text(piece: str) -> str:
    """A text as it counts."""
    inner = piece[1:-1]
    if _IDENTIFIER.fullmatch(inner):
        return "T"
    if inner[:1] == "{" and inner[-1:] == "}" and not _ACTIVE.search(inner):
        return "D"
    if _HOSTS.fullmatch(inner):
        return "T" + re.sub(r"\d+(?:\.\d+)*", "N", inner)
    return ("A" if _ACTIVE.search(inner) else "T") + inner


def _harmless(tokens: list[tuple[str, str]]) -> bool:
    """Whether every word is harmless, no text is active markup, and the kernel is asked for known things only."""
    if not _constant_link(tokens):
        return False
    before = ["", ""]
    for index, (kind, piece) in enumerate(tokens):
        if kind == "template" or (kind == "word" and piece not in WORDS):
            return False
        if kind == "text" and (_ACTIVE.search(piece) or "\\" in piece or "//" in _plain(piece)):
            return False
        if before == ["invokeFunction", "("] and piece[1:-1] not in FUNCTIONS:
            return False
        if before == ["createElement", "("] and piece[1:-1] not in ELEMENTS:
            return False
        if before[1] in ("invokeFunction", "createElement") and piece != "(":
            return False
        if before == ["innerHTML", "="]:
            after = tokens[index + 1][1] if index + 1 < len(tokens) else ";"
            if (kind != "text" and piece != "docLinkHtml") or after not in (";", "}"):
                return False
        elif before[1] == "innerHTML" and piece != "=":
            return False
        if piece == "[" and before[1] not in ("", "(", ",", "=", ":", "["):
            output = before[1] == "dataTable" and [one for _, one in tokens[index + 1 : index + 3]] == [
                "'output_type'",
                "]",
            ]
            if not output:
                return False
        before = [before[1], piece]
    return before[1] not in ("innerHTML", "invokeFunction", "createElement")


def _constant_link(tokens: list[tuple[str, str]]) -> bool:
    """`docLinkHtml`, which Colab puts into the page, is a constant of texts and used once."""
    places = [index for index, (_, piece) in enumerate(tokens) if piece == "docLinkHtml"]
    if not places:
        return True
    if len(places) != 2 or [piece for _, piece in tokens[places[0] - 1 : places[0] + 2]] != [
        "const",
        "docLinkHtml",
        "=",
    ]:
        return False
    for index in range(places[0] + 2, len(tokens)):
        kind, piece = tokens[index]
        if piece == ";":
            return True
        if kind != "text" and piece != "+":
            return False
    return False


def _plain(piece: str) -> str:
    return piece.replace("https://colab.research.google.com/notebooks/data_table.ipynb", "")


def _tokens(body: str) -> list[tuple[str, str]]:
    return [(found.lastgroup or "", found[0]) for found in _TOKEN.finditer(body) if found.lastgroup != "space"]
