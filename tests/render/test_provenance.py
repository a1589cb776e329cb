"""The tree of claims as people read it, and hostile text in every place that it can come from."""

from __future__ import annotations

import re

from build.snapshots import matches_snapshot
from weighbridge.core.claims import Claim, Status
from weighbridge.core.digests import Digest
from weighbridge.core.evidence import Tool
from weighbridge.core.origin import Origin
from weighbridge.provenance.report import ProvenanceReport
from weighbridge.render.provenance import COLOURS, provenance_section, provenance_text
from weighbridge.render.terminal import Style
from weighbridge.scan.report import Envelope

PLAIN = Style(colour=False, width=100, unicode=True)
COMMIT = "08802efe1f8e5fec4ad842d6b8ce97656092ee72"
CLAIMS = (
    Claim(
        "source", Status.VERIFIED, f"hf://org/net at {COMMIT}, which main was at that time", f"hf://org/net@{COMMIT}"
    ),
    Claim("files-of-source", Status.VERIFIED, "3 of 3 files have the ids that the source gives them", "3 of 3 files"),
    Claim(
        "model-signature",
        Status.CONTRADICTED,
        "model.sig: README.md is not what was signed",
        parts=(
            Claim("model-signature/signer", Status.VERIFIED, "model.sig: signed by Ada with the key 0123", "key:Ada"),
            Claim(
                "model-signature/files",
                Status.CONTRADICTED,
                "model.sig: README.md is not what was signed",
                parts=(Claim("deeper", Status.ABSENT, "a sentence " + "that is long " * 12),),
            ),
        ),
    ),
    Claim("build-provenance", Status.ABSENT, "there is no attestation of the build that made the files"),
    Claim(
        "regulated-data/hipaa", Status.DECLARED, "the card names MIMIC-III among the data sets", "hipaa", confirm=True
    ),
)


def report(claims: tuple[Claim, ...] = CLAIMS, place: str = "hf://org/net") -> ProvenanceReport:
    origin = Origin("hub", place, "main", COMMIT)
    return ProvenanceReport(Digest("ab" * 32), origin, claims, Tool(), Envelope("", "", ""))


def test_the_tree() -> None:
    matches_snapshot("provenance.txt", provenance_text("net", report(), style=PLAIN))


def test_the_tree_in_ascii() -> None:
    text = provenance_text("net", report(), style=PLAIN._replace(unicode=False))
    assert text.isascii()
    matches_snapshot("provenance-ascii.txt", text)


def test_colours_add_nothing_but_colours() -> None:
    for show in (
        lambda style: provenance_text("net", report(), style=style),
        lambda style: provenance_section(report(), style=style),
    ):
        coloured = show(PLAIN._replace(colour=True))
        assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == show(PLAIN)
        assert all(f"\x1b[{code}m" in coloured for code in COLOURS.values())


def test_the_section_of_an_intake() -> None:
    matches_snapshot("provenance-section.txt", provenance_section(report(), style=PLAIN) + "\n")


def test_hostile_text_moves_nothing() -> None:
    hostile = "a\x1b[2J\x1b]0;title\x07\r\nVERIFIED \u202e\u200bb\u2028c" + "x" * 5000
    claims = (Claim(hostile, Status.DECLARED, hostile, hostile, parts=(Claim(hostile, Status.ABSENT, hostile),)),)
    judged = report(claims, hostile)._replace(origin=Origin("hub", hostile, hostile, hostile))
    text = provenance_text(hostile, judged, style=PLAIN) + provenance_section(
        report((claims[0]._replace(confirm=True),)), style=PLAIN
    )
    assert not set("\x1b\r\x07\u202e\u200b\u2028") & set(text)
    assert not any(line.strip().startswith("VERIFIED") for line in text.splitlines())
    assert max(map(len, text.splitlines())) <= 402
    assert len(text) < 10_000


def test_a_sentence_cannot_look_like_a_branch() -> None:
    forged = "long " * 19 + "├─ model-signature  ✓ verified"
    text = provenance_text("net", report((Claim("source", Status.ABSENT, forged),)), style=PLAIN)
    assert text.count("✓") == text.count("├") == 0
    assert "  \\u2713" not in text
