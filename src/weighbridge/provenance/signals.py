"""How a repository looks from outside: nothing of it proves anything, some of it makes a person look.

What the place itself says (`Told`) may make things worse and never better: a scan of the Hub that found something is
held against the model, one that found nothing is not counted.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from weighbridge.core.claims import Claim, Status
from weighbridge.core.plain import plain
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.provenance.lookalike import lookalike

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from weighbridge.core.origin import Origin
    from weighbridge.provenance.knowledge import CardKnowledge

YOUNG = timedelta(days=30)
"""Age below which a person looks: copies of well-known models live shortly before they are reported."""
AHEAD = timedelta(days=1)
"""How far a clock of the place may be ahead of ours."""
WEIGHTS = (
    *(".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf", ".onnx", ".h5", ".keras", ".tflite", ".pkl", ".joblib"),
    *(".npz", ".pb", ".nemo", ".pte", ".msgpack", ".mlmodel", ".ggml", ".llamafile"),
)
"""Ends of names of files that hold weights."""
CARDS = frozenset(("readme.md", "model_card.md", "modelcard.md"))
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_VERSION = re.compile(r"(?:refs/tags/)?v?\d+(?:\.\d+)+\S{0,40}")
_HISTORY = re.compile(r"(\d{1,9}) of (\d{1,9}) commits")
_HARMLESS = frozenset(("safe", "unscanned", "queued", "pending", "innocuous", "none", ""))
"""What a scan of the place says that is not held against a model. `safe` does not count for it either."""


class Earlier(NamedTuple):
    """What an earlier intake of the same place remembered.

    `resolutions` maps what was asked for (a branch, a tag; empty: the default) to the revision that it was then,
    `files` the escaped paths to hex SHA-256. `is_ancestor(old, new)` says whether one commit leads to the other, None
    if that cannot be told; without it a revision that changed is told and nothing more.
    """

    resolutions: Mapping[str, str] = {}
    files: Mapping[str, str] = {}
    is_ancestor: Callable[[str, str], bool | None] | None = None


def claims(
    origin: Origin,
    files: Mapping[str, str],
    *,
    knowledge: CardKnowledge,
    now: datetime,
    earlier: Earlier | None = None,
) -> tuple[Claim, ...]:
    """One claim for each signal; those that a kind of source cannot have are left out.

    `files` maps escaped paths to hex SHA-256.
    """
    told: dict[str, str] = {}
    for one in origin.told:
        told.setdefault(one.key, one.value)
    found = [*_revision(origin), *_moved(origin, told, earlier), *_changed(files, earlier)]
    if origin.kind in ("hub", "git"):
        found.extend((*_age(told, now), *_history(told), *_publisher(origin, knowledge)))
    return (*found, *_access(told), *_scans(origin))


def publisher_of(origin: Origin) -> str:
    """The name of the account that a repository belongs to; empty if its place has no such thing."""
    path = re.sub(r"^[a-z+]{2,10}://|^[\w.-]+@", "", origin.place).rstrip("/").removesuffix(".git")
    parts = [part for part in re.split(r"[/:]", path) if part]
    return parts[-2] if origin.kind in ("hub", "git") and len(parts) >= 2 and "." not in parts[-2] else ""


def _revision(origin: Origin) -> Iterator[Claim]:
    name, asked, revision = "signal/revision", plain(origin.asked, 80), plain(origin.revision, 64)
    if origin.kind not in ("hub", "git", "oci"):
        return
    if not origin.revision:
        yield Claim(name, Status.ABSENT, "the place names no revision that could not change", confirm=True)
    elif origin.asked in (origin.revision, origin.revision.removeprefix("sha256:")):
        yield Claim(name, Status.VERIFIED, f"the very revision {revision} was asked for", origin.revision)
    elif origin.asked.startswith(("refs/pr/", "refs/pull/", "refs/convert/")):
        sentence = f"{asked} was asked for, which anybody may have proposed; it is {revision} now"
        yield Claim(name, Status.DECLARED, sentence, origin.revision, confirm=True)
    else:
        what = asked or "the default branch"
        sentence = f"{what} was asked for, which can be another revision tomorrow; it is {revision} now"
        yield Claim(name, Status.DECLARED, sentence, origin.revision)


def _moved(origin: Origin, told: Mapping[str, str], earlier: Earlier | None) -> Iterator[Claim]:
    """Whether what was asked for led elsewhere before, and whether it only went forward."""
    name = "signal/moved"
    old = earlier.resolutions.get(origin.asked, "") if earlier is not None else ""
    if earlier is None or not old or _COMMIT.fullmatch(origin.asked):
        return
    asked, new = plain(origin.asked or "the default branch", 80), origin.revision
    if old == new:
        yield Claim(name, Status.VERIFIED, f"{asked} is what it was at the last intake", new)
        return
    change = f"{asked} was {plain(old, 64)} and is {plain(new, 64)}"
    if told.get("ref", "").startswith("refs/tags/") or "tag-object" in told or _VERSION.fullmatch(origin.asked):
        yield Claim(name, Status.CONTRADICTED, f"a tag was moved: {change}", new, confirm=True)
        return
    forward = earlier.is_ancestor(old, new) if earlier.is_ancestor is not None else None
    if forward is None:
        sentence = f"{change}; whether the one leads to the other cannot be told"
        yield Claim(name, Status.DECLARED, sentence, new, confirm=True)
    elif forward:
        yield Claim(name, Status.DECLARED, f"it went forward: {change}", new)
    else:
        sentence = f"history was rewritten: {change}, and the first does not lead to the second"
        yield Claim(name, Status.CONTRADICTED, sentence, new, confirm=True)


def _changed(files: Mapping[str, str], earlier: Earlier | None) -> Iterator[Claim]:
    """Whether the weights are others than at the last intake while the card is the same."""
    if earlier is None or not earlier.files:
        return
    name, old = "signal/card", earlier.files
    weights = sorted(
        path for path in {*files, *old} if path.lower().endswith(WEIGHTS) and files.get(path) != old.get(path)
    )
    cards = sorted(path for path in {*files, *old} if path.lower() in CARDS)
    same = [path for path in cards if files.get(path) == old.get(path)]
    if not weights:
        yield Claim(name, Status.VERIFIED, "the weights are those of the last intake", "same")
    elif cards and len(same) < len(cards):
        yield Claim(name, Status.DECLARED, f"the card changed with {len(weights)} files of weights", "both")
    else:
        shown = ", ".join(plain(path, 80) for path in weights[:5]) + (" …" if len(weights) > 5 else "")
        what = "the card did not" if cards else "there is no card"
        yield Claim(name, Status.DECLARED, f"weights changed ({shown}), {what}", "weights", confirm=True)


def _age(told: Mapping[str, str], now: datetime) -> Iterator[Claim]:
    name, said = "signal/age", ""
    for key, what in (("created", "created"), ("commit-time", "committed"), ("last-modified", "changed")):
        if told.get(key):
            said, verb = told[key], what
            break
    else:
        yield Claim(name, Status.ABSENT, "the place does not say when it was made")
        return
    when = _time(said)
    if when is None:
        yield Claim(name, Status.ABSENT, f"{plain(said, 60)} is no time", confirm=True)
        return
    age = now - when
    value = when.date().isoformat()
    if age < -AHEAD:
        yield Claim(name, Status.CONTRADICTED, f"it says that it was {verb} on {value}, which is to come", value, True)
    elif age < YOUNG:
        yield Claim(name, Status.DECLARED, f"{verb} {max(0, age.days)} days ago, on {value}", value, confirm=True)
    else:
        yield Claim(name, Status.DECLARED, f"{verb} on {value}", value)


def _time(text: str) -> datetime | None:
    try:
        when = datetime.fromtimestamp(int(text), UTC) if text.isdigit() else datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)


def _history(told: Mapping[str, str]) -> Iterator[Claim]:
    name, said = "signal/history", told.get("history", "")
    found = _HISTORY.search(said)
    if found is None:
        yield Claim(name, Status.ABSENT, plain(said, 200) or "nothing is known of the commits before")
        return
    signed, count = int(found[1]), int(found[2])
    if signed == 0:
        yield Claim(name, Status.DECLARED, f"none of {count} commits carries a signature", "unsigned")
    elif signed < count:
        yield Claim(name, Status.DECLARED, f"{signed} of {count} commits carry a signature", "partly")
    else:
        yield Claim(name, Status.DECLARED, f"all of {count} commits carry a signature", "signed")


def _publisher(origin: Origin, knowledge: CardKnowledge) -> Iterator[Claim]:
    name, publisher = "signal/publisher", publisher_of(origin)
    if not publisher:
        return
    shown = plain(publisher, 80)
    owner = next((one for key, one in knowledge.publishers.items() if key.lower() == publisher.lower()), None)
    if owner is not None:
        where = "" if origin.kind == "hub" else ", if the place is theirs"
        yield Claim(name, Status.DECLARED, f"{shown} is known: {owner}{where}", publisher)
        return
    alike = lookalike(publisher, knowledge.publishers)
    if alike is None:
        yield Claim(name, Status.DECLARED, f"{shown} is not known here, and looks like nobody who is", publisher)
        return
    sentence = f"{shown} could be taken for {alike.name} ({knowledge.publishers[alike.name]}): {alike.trick}"
    status = Status.CONTRADICTED if alike.certain else Status.DECLARED
    yield Claim(name, status, sentence, publisher, confirm=True)


def _access(told: Mapping[str, str]) -> Iterator[Claim]:
    gated = told.get("gated", "")
    if gated:
        free = gated in ("no", "false", "False")
        sentence = "anybody may have it" if free else f"access is given on application ({plain(gated, 40)})"
        yield Claim("signal/gated", Status.DECLARED, sentence, gated)
    if told.get("disabled", "no") not in ("no", "false", "False"):
        yield Claim("signal/disabled", Status.DECLARED, "the place has disabled it", "yes", confirm=True)


def _scans(origin: Origin) -> Iterator[Claim]:
    scans = [one for one in origin.told if one.key.startswith("hub-scan")]
    pointers = [one for one in origin.told if one.key.startswith("lfs-pointer/")]
    bad = [one for one in scans if one.value.strip().lower() not in _HARMLESS]
    if bad:
        shown = "; ".join(f"{plain(one.key.partition('/')[2] or 'it', 80)}: {plain(one.value, 40)}" for one in bad[:8])
        sentence = f"the scanners of the place found something: {shown}"
        yield Claim("signal/hub-scan", Status.CONTRADICTED, sentence, "bad", confirm=True)
    elif scans:
        yield Claim(
            "signal/hub-scan", Status.DECLARED, "the scanners of the place name nothing; that proves nothing", "none"
        )
    if pointers:
        shown = ", ".join(plain(one.key.partition("/")[2], 80) for one in pointers[:8])
        yield Claim("signal/lfs-pointer", Status.DECLARED, f"unusual pointers: {shown}", confirm=True)
