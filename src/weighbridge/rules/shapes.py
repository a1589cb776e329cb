"""Whether the shape of an argument is one that honest writers give: the small language of `arguments` and `states`.

    int, 'C', (bool, str)   the same shape; `str` stands for any string
    constants               constants of any kind, and as many
    own                     a constant or a container of the pickle itself: no object whose methods would be called
    pairs                   the same, and what is in it is no such object either: it is iterated over too
    @inert                  anything known that may be referred to
    @function               a function known to be numerical, or an enumeration
    @made                   the result of a known call, which is judged by itself
    @torch.nn.modules.*     anything known below that name
    of:numpy.|pandas.       whatever names are in it begin like one of these
    any                     anything

What a pickle may give a state is harmless only while nothing calls its methods: iterating over an object, asking it
for its length or its items runs code of its class with values of the pickle's choice.
"""

from __future__ import annotations

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from weighbridge.core.knowledge import Globals

LARGE = ("@…", "@[…]")
"""Shapes of containers too large to be written: with objects in them or unknown, and without."""


def fits(shape: str, accepted: tuple[str, ...], known: Globals) -> bool:
    """Whether an argument shape is among the accepted ones; none given means constants of any kind."""
    if "any" in accepted or any(_alike(shape, form, known) for form in accepted):
        return True
    return "@" not in shape and (not accepted or "constants" in accepted)


def is_known(part: str, known: Globals) -> bool:
    """Whether a part such as `@numpy.mean` names something known that is neither dangerous nor in need of review."""
    entry = known.find(part[1:]) if part.startswith("@") else None
    return entry is not None and entry.trust not in ("dangerous", "review")


def is_own(part: str) -> bool:
    """Whether a value is a constant or a container of the pickle itself."""
    return not part.startswith("@") or part in LARGE


def _alike(shape: str, form: str, known: Globals) -> bool:
    if shape == form:
        return True
    parts, wanted = split(shape), split(form)
    return len(parts) == len(wanted) and all(map(_part, parts, wanted, [known] * len(parts)))


def _part(part: str, want: str, known: Globals) -> bool:
    if want in (part, "any"):
        return True
    if want == "str":
        return part[:1] in ("'", '"') and part[-1:] == part[:1]
    if want == "own":
        return is_own(part)
    if want == "pairs":
        return part != "@…" and is_own(part) and all(map(is_own, split(f"({part[1:-1]})") if part[:1] in "([{" else ()))
    if want == "@inert":
        return is_known(part, known)
    if want == "@function":
        entry = known.find(part[1:]) if part.startswith("@") else None
        return entry is not None and entry.trust in ("function", "enum")
    if want == "@made":
        return part.endswith("()") and is_known(part.removesuffix("()"), known)
    if want.endswith(".*"):
        return part.startswith(want[:-1]) and is_known(part, known)
    if want.startswith("of:"):
        prefixes = tuple(want[3:].split("|"))
        return all(name.startswith((*prefixes, "[…]")) for name in part.split("@")[1:])
    return False


def split(shape: str) -> list[str]:
    """The arguments in a shape, parted at commas outside of brackets and quotes."""
    if not (shape.startswith("(") and shape.endswith(")")):
        return [shape]
    parts, depth, quote, start, escaped = [], 0, "", 1, False
    for place in range(1, len(shape) - 1):
        character = shape[place]
        if escaped:
            escaped = False
        elif quote:
            escaped = character == "\\"
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character in "([{":
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and depth == 0:
            parts.append(shape[start:place])
            start = place + 2
    return [*parts, shape[start:-1]] if len(shape) > 2 else []
