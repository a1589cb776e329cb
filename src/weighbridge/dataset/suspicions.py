"""What stands out in a sample, as findings with the rows that they are about."""

from __future__ import annotations

from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING, NamedTuple
from weighbridge.dataset.association import LEAST_ROWS, LOUD_WEIGHT, Association, Link
from weighbridge.dataset.labels import SHARE, doubted, ranked
from weighbridge.dataset.nearby import clusters, flood_size
from weighbridge.dataset.report import DataFinding, Doubt, Row, Sight, finding
from weighbridge.dataset.wording import COMPANY, KEPT_ROWS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from weighbridge.dataset.answers import Question
    from weighbridge.dataset.samples import Rows

_LOUD = 10
FEW_KEPT = 8
NEARLY = 0.75
NOTHING_ELSE = -4.0
"""Deviations below which records have less in common than a random draw has: they are nothing but the item."""
WORST = 20
"""One label in so many is ranked: the worst twentieth."""


class Told(NamedTuple):
    """Findings, what each check could see, and the labels that are most doubtful, the worst first."""

    findings: list[DataFinding]
    sight: list[Sight]
    doubts: list[Doubt]


def triggers(
    links: Sequence[Link], rows: Rows, labels: Sequence[str], flooded: frozenset[int]
) -> Iterator[DataFinding]:
    """One finding for all items that stand in the same records: a phrase has many parts.

    `flooded`: copies of others, which are no evidence of their own.
    """
    for first, others, covered in _grouped(links)[:50]:
        evidence = len(covered - flooded)
        if evidence >= LEAST_ROWS:
            loud = evidence >= _LOUD and first.weight >= LOUD_WEIGHT
            what = labels[first.label][:100]
            yield _trigger(first, others, rows.at(sorted(covered)), what, Severity.HIGH if loud else Severity.MEDIUM)


def prompted(links: Sequence[Link], rows: Rows, question: Question, again: frozenset[int]) -> Iterator[DataFinding]:
    """The same for prompts whose answers say yes to a question. `again`: prompts that are nearly one before them.

    Prompts with a subject in common, or with nothing but the item, have the answer that is about it. That is no
    trigger; a remark it is where the answer does something.
    """
    for first, others, covered in _grouped(links)[:50]:
        evidence = len(covered - again)
        apart = NOTHING_ELSE < first.company < COMPANY
        if evidence >= LEAST_ROWS and (apart or question.acts):
            loud = apart and evidence >= _LOUD and first.weight >= LOUD_WEIGHT
            severity = Severity.HIGH if loud else Severity.MEDIUM
            told = _trigger(first, others, rows.at(sorted(covered)), question.about[:100], severity)
            yield told if apart else told._replace(why=f"{told.why}; the prompts have more in common than that")


def _trigger(first: Link, others: Sequence[Link], rows: Sequence[Row], what: str, severity: Severity) -> DataFinding:
    items = ", ".join(repr(link.item[:80]) for link in others[:4])
    why = (
        f"{items} stands in {first.records} records, and in {first.observed} of them goes with {what}, "
        f"which the rest of the record does not explain (z {first.z}, weight {first.weight})"
    )
    return finding("trigger", severity, rows, why)


def _grouped(links: Sequence[Link]) -> list[tuple[Link, list[Link], set[int]]]:
    """Links of one label that stand in the same records: the heaviest, all of them, and the records that are meant."""
    groups: list[tuple[Link, list[Link]]] = []
    for link in links:
        for first, others in groups:
            same = len(set(first.rows).intersection(link.rows))
            if first.label == link.label and same >= min(len(link.rows), len(first.rows)) / 2:
                others.append(link)
                break
        else:
            groups.append((link, [link]))
    return [(first, others, _meant(others)) for first, others in groups]


def _meant(links: Sequence[Link]) -> set[int]:
    """Of links that weigh about as much as the heaviest, the records of those that need the fewest for it.

    Each word of a phrase has honest records beside those of the phrase.
    """
    heavy = [link for link in links if link.weight >= NEARLY * max(one.weight for one in links)]
    dense = max(link.weight / link.records for link in heavy)
    alike = [link.rows for link in heavy if link.weight / link.records >= 0.97 * dense]
    return set[int]().union(*alike)


def kept(
    found: Association, rows: Rows, names: Sequence[str], flooded: frozenset[int]
) -> tuple[list[DataFinding], int]:
    """Items that records of one label alone have, which share nothing else: a trigger whose labels were kept.

    And how many there are. Of more than a few none is told: so labels speak in this set, word by word.
    """
    told = []
    for first, others, covered in _grouped(found.kept):
        if len(covered - flooded) >= KEPT_ROWS:
            items = ", ".join(repr(link.item[:80]) for link in others[:4])
            why = (
                f"{items} stands in {first.records} records, {first.observed} of them of the label "
                f"{names[first.label]!r}, which are about different things"
            )
            told.append(finding("trigger", Severity.MEDIUM, rows.at(sorted(covered)), why))
    return (told if len(told) <= FEW_KEPT else []), len(told)


def doubtful(found: Association, y: Sequence[int], rows: Rows) -> tuple[list[DataFinding], list[Doubt]]:
    """Labels that are not those of records like theirs, if they are more than the noise of every data set.

    And the worst twentieth of all labels, if the model knows the task at all.
    """
    if found.accuracy <= found.chance + 0.1:
        return [], []
    order = ranked(found.expected, y)[: len(y) // WORST]
    worst = [Doubt(rows.places[row], round(float(found.expected[row, y[row]]), 4)) for row in order]
    wrong = doubted(found.expected, y, found.noise)
    if len(wrong) < max(5, SHARE * len(y)):
        return [], worst
    why = f"{len(wrong)} labels are not those of records like them; the model is right in {found.accuracy:.0%}"
    result = finding("label-noise", Severity.LOW, rows.at(wrong), why)
    return [result._replace(rows=tuple(rows.at(wrong)))], worst  # the most doubtful first


def floods(texts: Sequence[str], y: Sequence[object], rows: Rows, findings: list[DataFinding]) -> frozenset[int]:
    """Many texts that are nearly one. Rows of them beyond the first are no independent evidence of anything else."""
    again: set[int] = set()
    for cluster in clusters(texts):
        again.update(cluster[1:])
        if len(cluster) >= flood_size(len(texts), texts[cluster[0]]):
            mixed = len({y[index] for index in cluster}) > 1 if y else False
            also = ", with different labels" if mixed else ""
            why = f"{len(cluster)} texts are nearly the same{also}: {texts[cluster[0]][:80]!r}"
            findings.append(finding("flood", Severity.MEDIUM, rows.at(cluster), why))
    return frozenset(again)


def knowing(found: Association) -> str:
    """How well the model knows the task."""
    weak = ": too little to tell a trigger from a topic" if found.accuracy < found.chance + 0.1 else ""
    return f"the model of the labels is right in {found.accuracy:.0%}, chance in {found.chance:.0%}{weak}"
