"""Every route that the benchmark asks other scanners about: no attack is clean, every honest file is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from build.inspecting import inspected
from weighbridge.core.findings import Verdict

BENCH = Path(__file__).parents[2] / "bench"
sys.path.append(str(BENCH))

import archive_routes  # noqa: E402 -- they live beside the benchmark
import honest_routes  # noqa: E402
import peer_page  # noqa: E402
import pickle_routes  # noqa: E402
import stream_routes  # noqa: E402
from route import Route, write  # noqa: E402

ATTACKS = [*pickle_routes.ROUTES, *stream_routes.ROUTES, *archive_routes.ROUTES]
NOT_YET_JUDGED = {"keras-lambda", "keras-function", "template", "auto-map"}
"""Code without a pickle, in formats whose rules are not written: the table says so too."""


@pytest.mark.parametrize("route", ATTACKS, ids=lambda route: route.id)
def test_no_attack_is_clean(tmp_path: Path, route: Route) -> None:
    verdict = inspected(Path(write(route, str(tmp_path)))).report.verdict
    if route.id in NOT_YET_JUDGED:
        assert verdict is Verdict.CLEAN, "it is judged now: take it from the list"
    else:
        assert verdict is not Verdict.CLEAN
    if route.group in ("callable", "call", "gadget"):
        assert verdict in (Verdict.MALICIOUS, Verdict.SUSPICIOUS)


@pytest.mark.parametrize("route", honest_routes.ROUTES, ids=lambda route: route.id)
def test_every_honest_file_is_clean(tmp_path: Path, route: Route) -> None:
    report = inspected(Path(write(route, str(tmp_path)))).report
    assert report.verdict is Verdict.CLEAN, report.findings


def test_routes_have_names_of_their_own() -> None:
    names = [route.id for route in [*ATTACKS, *honest_routes.ROUTES]]
    assert len(names) == len(set(names)) > 200


def test_the_page_is_what_the_result_says() -> None:
    import json

    with open(peer_page.RESULTS, encoding="utf-8") as file:
        document = json.load(file)
    assert Path(peer_page.PAGE).read_text(encoding="utf-8") == peer_page.page(document)
