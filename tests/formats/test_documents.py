"""Cards and pages: every trick is found, what people write is clean, and nothing is read without an end."""

from __future__ import annotations

import re

import nh3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from build.honest_cards import cards
from build.hostile_cards import MARKDOWN, ORDER, PAGES
from build.inspecting import LIMITS, rules_of, scanned
from weighbridge.core.errors import FormatError
from weighbridge.core.facts import Span
from weighbridge.core.findings import Severity
from weighbridge.core.limits import Budget
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.formats.base import blob_info
from weighbridge.formats.markup.documents import Html, Markdown
from weighbridge.formats.markup.walk import walked

BAD = (Severity.HIGH, Severity.CRITICAL)
CARDS = cards()
FAMILIES = ("card", "config", "network", "secret", "template", "file")


def worst(report: object) -> list[str]:
    return [finding.rule for finding in report.findings if finding.severity in BAD]


@pytest.mark.parametrize("name", MARKDOWN)
def test_a_card_that_does_more_than_show_text_is_found(tmp_path, name):
    report = scanned(tmp_path, "README.md", MARKDOWN[name].encode())
    found = [rule for rule in worst(report) if rule.startswith(FAMILIES)]
    assert found


@pytest.mark.parametrize("name", MARKDOWN)
def test_it_is_found_in_the_middle_of_an_honest_card(tmp_path, name):
    if MARKDOWN[name].startswith("---"):
        pytest.skip("front matter stands at the beginning")
    honest = CARDS["template org/tiny"]
    place = honest.index("### Out-of-Scope")
    report = scanned(tmp_path, "README.md", f"{honest[:place]}\n{MARKDOWN[name]}\n{honest[place:]}".encode())
    assert worst(report)


@pytest.mark.parametrize("name", PAGES)
def test_pages_and_drawings(tmp_path, name):
    file, text = PAGES[name]
    assert worst(scanned(tmp_path, file, text.encode()))


@pytest.mark.parametrize("name", CARDS)
def test_an_honest_card_is_clean(tmp_path, name):
    report = scanned(tmp_path, "README.md", CARDS[name].encode())
    assert report.verdict.value == "clean", report.findings
    assert not [finding for finding in report.findings if finding.severity not in (Severity.LOW, Severity.INFO)]


def test_an_honest_page_and_drawing_are_clean(tmp_path):
    page = "<!DOCTYPE html><html lang='en'><head><meta charset='utf-8'><title>x</title></head><body><h1>x</h1></body></html>"
    assert scanned(tmp_path, "index.html", page.encode()).findings == ()
    drawing = (
        '<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        'viewBox="0 0 9 9"><defs><style>.a{fill:#fff}</style><path id="p" d="M0 0"/></defs><use xlink:href="#p"/>'
        '<g fill="url(#g)"><text x="1">x</text><title>Logo</title></g></svg>'
    )
    assert scanned(tmp_path, "logo.svg", drawing.encode()).findings == ()


@pytest.mark.parametrize("name", MARKDOWN)
def test_in_code_it_is_only_text(tmp_path, name):
    text = MARKDOWN[name]
    if "without a shape" in name or "selectors" in name or "turned" in name or "chat" in name or "way into" in name:
        pytest.skip("counts wherever it stands")
    report = scanned(tmp_path, "README.md", f"# Examples\n\n````\n{text}\n````\n".replace("\0", "").encode())
    assert not worst(report), report.findings


def test_a_document_that_nobody_knows_the_markup_of_is_told(tmp_path):
    report = scanned(tmp_path, "README.md", b"<blink>x</blink> <b frob=1>y</b>\n")
    assert {finding.evidence.text for finding in report.findings} == {"blink", "b frob: 1"}


@pytest.mark.parametrize(
    "text",
    [piece for name, piece in MARKDOWN.items() if "<" in piece and "```" not in piece and "front matter" not in name],
)
def test_whatever_a_sanitiser_takes_away_is_told(text):
    """The oracle: an element or attribute that nh3 does not keep is seen by the walk, whatever it is."""
    html = text.replace("\0", "")
    tags = set(re.findall(r"<([a-z][a-z0-9-]*)", html.lower()))
    kept = set(re.findall(r"<([a-z][a-z0-9-]*)", nh3.clean(html)))
    if tags - kept - {"body", "input", "source", "video", "p", "font", "text"}:
        assert list(walked(html, card=True))


def test_limits_are_said(tmp_path):
    many = LIMITS._replace(marks=50)
    report = scanned(tmp_path, "README.md", b"[" * 51 + b"\n", many)
    assert report.verdict.value == "incomplete"
    assert report.limits_reached == ("marks",)
    long = LIMITS._replace(markup=200)
    report = scanned(tmp_path, "README.md", b"word " * 50, long)
    assert report.limits_reached == ("markup",)
    report = scanned(tmp_path, "page.html", b"<p>word</p>" * 50, long)
    assert report.limits_reached == ("markup",)
    assert scanned(tmp_path, "README.md", b"word " * 30, long).verdict.value == "clean"


def test_front_matter_does_not_count_for_the_limit_of_markup(tmp_path):
    text = "---\n" + "".join(f"k{number}: v\n" for number in range(100)) + "---\n# Model\n"
    assert scanned(tmp_path, "README.md", text.encode(), LIMITS._replace(markup=200)).verdict.value == "clean"


def test_front_matter(tmp_path):
    report = scanned(tmp_path, "README.md", b"---\nlicense: mit\nlicense: other\n---\n")
    assert rules_of(report) == {"card/front-matter"}
    report = scanned(tmp_path, "README.md", b"---\nlicense: [mit\n---\n# x\n")
    assert rules_of(report) == {"card/front-matter"}
    assert report.verdict.value == "clean"
    aliases = "\n".join(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 9))
    report = scanned(tmp_path, "README.md", f"---\na0: &a0 [x]\n{aliases}\n---\n".encode())
    assert "config/yaml-aliases" in rules_of(report)


def test_a_finding_tells_its_place_in_bytes(tmp_path):
    text = "# Größe\n\n`<b>` ünd <script>alert(1)</script>\n".encode()
    (finding,) = [one for one in scanned(tmp_path, "README.md", text).findings if one.rule == "card/script"]
    assert finding.location == f"README.md@{text.index(b'<script')}"


def test_text_in_another_encoding(tmp_path):
    strays = ("A model with a long description. " * 5 + "Zürich\n").encode("latin-1")
    assert scanned(tmp_path, "README.md", strays).verdict.value == "clean"
    assert scanned(tmp_path, "README.md", strays + b"<script>1</script>").verdict.value == "suspicious"
    assert scanned(tmp_path, "README.md", b"\xff\xfd\xfc" * 40).verdict.value == "incomplete"


def test_a_pickle_called_readme_is_a_pickle(tmp_path):
    report = scanned(tmp_path, "README.md", b"\x80\x02cos\nsystem\nX\x06\0\0\0echo 1\x85R.")
    assert report.verdict.value == "malicious"
    assert "file/name-mismatch" in rules_of(report)


@pytest.mark.parametrize("name", ["README.md", "card.html", "logo.svg"])
def test_a_pointer_stays_a_pointer(tmp_path, name):
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12\n"
    report = scanned(tmp_path, name, pointer)
    assert "file/polyglot" not in rules_of(report)
    assert any("pointer to 12 bytes" in unread.why for unread in report.unread)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [*"<>/!-[]()`*_&#;:'\"= \n|~\\a\0\u200b", "script", "svg", "<!--", "](", "style", "---\n", ORDER]
        ),
        max_size=60,
    )
)
def test_any_text_is_read_or_refused(pieces):
    raw = "".join(pieces).encode()
    for found, name in ((Markdown(), "a.md"), (Html(), "a.html"), (Html(), "a.svg")):
        reader = Reader(MemorySource(raw))
        try:
            seen = list(found.parse(reader, blob_info(name, reader), Budget(LIMITS, len(raw))))
        except FormatError:
            continue
        assert sum(span.size for span in seen if isinstance(span, Span)) == len(raw)


@pytest.mark.parametrize(
    "piece", ["[", "![", "<b><p>", "<svg><style>", "> ", "`a``b", "<a href=x>", "- ", "&", "<svg><a>"]
)
def test_repetition_ends(tmp_path, piece):
    report = scanned(tmp_path, "README.md", piece.encode() * 3000)
    assert report.verdict.value in ("clean", "suspicious", "incomplete")
