"""What pages are made of: nothing is shared between tenants, a form has its limits, pictures say what they show."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from build.desks import staffed
from build.hostile_index import ATTACKS
from build.running import command
from weighbridge.index.database import writing
from weighbridge.render.charts import Node, chain, dots, layers, stacks, strip
from weighbridge.web.access import CALLER, Caller
from weighbridge.web.bodies import BadRequest
from weighbridge.web.pages import view
from weighbridge.web.pages.decisions import _cell
from weighbridge.web.pages.view import Kept, link, read_form

FOLDER = Path(view.__file__).parent / "templates"


def asking(tenants: tuple[str, ...], path: str = "/models", query: str = "") -> Any:
    caller = Caller("ada", ("viewer",), tenants, "token")
    return SimpleNamespace(url=SimpleNamespace(path=path, query=query), scope={CALLER: caller})


def test_what_was_shown_is_kept_for_the_same_tenants_only() -> None:
    now, asked = [0.0], []
    kept = Kept(lambda: now[0])

    async def shows(request: Any) -> dict[str, Any]:
        asked.append(request.scope[CALLER].tenants)
        await asyncio.sleep(0)
        return {"of": request.scope[CALLER].tenants}

    async def whole() -> None:
        found = await asyncio.gather(*(kept.asked(asking((name,)), shows) for name in ("a", "b", "a", "*", "a")))
        assert [one["of"] for one in found] == [("a",), ("b",), ("a",), ("*",), ("a",)]
        assert len(asked) == 3
        await kept.asked(asking(("a",), query="verdict=clean"), shows)
        await kept.asked(asking(("a",), path="/"), shows)
        assert len(asked) == 5
        now[0] = view.FRESH
        await kept.asked(asking(("a",)), shows)
        kept.forget()
        await kept.asked(asking(("a",)), shows)
        assert len(asked) == 7

    asyncio.run(whole())


def test_an_error_is_not_kept() -> None:
    tries = []

    async def shows(_: Any) -> dict[str, Any]:
        tries.append(1)
        raise BadRequest(404, "there is none")

    async def whole() -> None:
        kept = Kept(lambda: 0.0)
        for _ in range(2):
            with pytest.raises(BadRequest):
                await kept.asked(asking(("a",)), shows)

    asyncio.run(whole())
    assert len(tries) == 2


def test_templates_cannot_print_markup() -> None:
    for name in os.listdir(FOLDER):
        text = (FOLDER / name).read_text(encoding="utf-8")
        assert not re.search(
            r"\|\s*(?:safe|tojson|xmlattr|urlize)|autoescape|<script(?! src=\"/static/)|\son\w+=|style=", text
        ), name
        assert not re.search(r"=\s*{{", text), f"{name} has an attribute without quotes"


def form(body: bytes, kind: str = "application/x-www-form-urlencoded") -> Any:
    async def stream() -> Any:
        yield body

    return SimpleNamespace(headers={"content-type": kind}, stream=stream)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"a=1", "application/json", 415),
        (b"a=1&a=2", "application/x-www-form-urlencoded", 400),
        (b"a=" + b"x" * view.MOST_FORM, "application/x-www-form-urlencoded", 413),
        (b"&".join(b"a%d=1" % one for one in range(view.MOST_FIELDS + 1)), "application/x-www-form-urlencoded", 400),
        (b"a=\xff", "application/x-www-form-urlencoded", 400),
        (b"no form", "application/x-www-form-urlencoded", 400),
    ],
)
def test_a_form_that_is_none(body: bytes, kind: str, status: int) -> None:
    with pytest.raises(BadRequest) as refused:
        asyncio.run(read_form(form(body, kind)))
    assert refused.value.status == status


def test_a_form() -> None:
    assert asyncio.run(read_form(form(b"a=+x+y+&b=%3Cb%3E"))) == {"a": "x y", "b": "<b>"}


def test_no_cell_is_a_formula() -> None:
    for cell in ("=1+1", "+1", "-1", "@SUM(A1)", "\tx", "=cmd|' /C calc'!A0"):
        assert _cell(cell)[0] not in "=+-@\t", cell
    assert _cell(["a", "b"]) == "a, b"


@given(st.dictionaries(st.sampled_from(["parsed", "data", "opaque"]), st.integers(0, 2**50)))
def test_a_strip_is_as_wide_as_it_is_whatever_the_parts(parts: dict[str, int]) -> None:
    widths = [float(one) for one in re.findall(r'<rect [^>]*width="([\d.]+)"', strip(parts, "t").text)]
    assert len(widths) == sum(size > 0 for size in parts.values())
    assert all(width >= 0.9 for width in widths)
    assert sum(widths) == pytest.approx(240 if widths else 0, abs=0.3)


@pytest.mark.parametrize("attack", ATTACKS)
def test_pictures_print_text_only(attack: str) -> None:
    node = Node(attack, attack, attack)
    drawn = (
        strip({attack: 3}, attack),
        stacks([(attack, {attack: 2})], attack),
        dots([(attack, [0.5], attack)], attack, (attack, attack)),
        chain(node, [node, node], attack),
        layers([node, node._replace(column=1)], [(0, 1)], attack),
    )
    for picture in drawn:
        names = set(re.findall(r"<(/?[a-zA-Z]+)", picture.text))
        assert {name.strip("/") for name in names} <= {"svg", "title", "rect", "text", "line", "circle", "path"}
        for value in re.findall(r'(\w+)="', picture.text):
            assert not value.startswith("on"), picture.text


def test_addresses_are_whole() -> None:
    assert (
        link("/models/a b?x#y", digest="sha256:1", q="", after=0) == "/models/a%20b%3Fx%23y?digest=sha256%3A1&after=0"
    )


def test_a_page_shows_what_was_decided_since_it_was_last_asked(tmp_path: Path) -> None:
    with staffed(tmp_path, local=True) as here:
        with contextlib.chdir(tmp_path):
            assert command("index", "rebuild").status == 0
        page = f"/models/net?digest={here.served.digest}&as=json"
        assert here.ask("GET", page).json["standing"] == []
        here.ask("POST", "/v1/admit", {"reference": "net:v1", "stage": "production"})
        here.desk.kept.forget()
        (standing,) = here.ask("GET", page).json["standing"]
        assert standing["stage"] == "production"


def test_a_log_whose_head_is_gone_is_no_empty_log(tmp_path: Path) -> None:
    with staffed(tmp_path, local=True) as here:
        here.ask("POST", "/v1/admit", {"reference": "net:v1", "stage": "production"})
        assert "The chain has 1 entries" in here.ask("GET", "/decisions").text
        with writing(here.desk.engine) as connection:
            connection.execute(text("DELETE FROM head"))
        here.desk.kept.forget()
        shown = here.ask("GET", "/decisions", headers={"accept": "text/html,*/*"})
        assert shown.status == 503
        assert "has no head" in shown.text
        gone = here.ask("GET", "/decisions")
        assert gone.status == 503
        assert "has no head" in gone.json["why"]
