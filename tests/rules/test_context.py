"""What a rule may ask of the artifact around its fact."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weighbridge.rules.base import RuleContext

PATHS = st.lists(st.sampled_from(["a.py", "b/a.py", "c/b/a.py", "ba.py", "b/a.pyc", "a.py/x", "c/ba.py"]), max_size=6)


@given(PATHS, st.sampled_from(["a.py", "b/a.py", "x", "", "py", "/a.py"]))
def test_a_file_that_ends_so_is_found_by_whole_parts_of_its_path(paths: list[str], tail: str) -> None:
    found = RuleContext("", (), None, "", frozenset(paths)).ending(tail)
    wanted = {path for path in paths if path == tail or path.endswith(f"/{tail}")}
    assert found in wanted if wanted else found == ""
