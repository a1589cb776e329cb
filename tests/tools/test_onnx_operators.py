"""The knowledge of operators is in its form, and is what the onnx package of the tests says."""

from __future__ import annotations

import json

from tools import onnx_operators as tool

TABLE = json.loads(tool.FILE.read_text(encoding="utf-8"))


def test_the_file_is_in_its_form() -> None:
    assert tool.main(["--check", "--form"]) == 0


def test_the_operators_are_those_of_the_package() -> None:
    assert tool.main(["--check"]) == 0
