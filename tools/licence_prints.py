"""Sample the texts of licences for `knowledge/licences.json`: `python tools/licence_prints.py FOLDER [--check]`.

FOLDER is `licensedcode/data/licenses` of the package scancode-toolkit-mini, version 32.5.0: one file for each licence,
NAME.LICENSE, whose text stands behind a block of YAML. An entry names its text as `text`. Only samples are kept.
"""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any

from weighbridge.provenance.licence_text import prints_of, sampled, scale_of, words_of

TABLE = Path(__file__).parents[1] / "src" / "weighbridge" / "knowledge" / "licences.json"


def text_of(path: Path) -> str:
    """The text of a licence, without what stands before it."""
    raw = path.read_text(encoding="utf-8")
    if raw.startswith("---\n"):
        raw = raw.split("\n---\n", 1)[1]
    return raw


def entry(row: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The entry with the samples of its text."""
    made = {key: value for key, value in row.items() if key not in ("words", "scale", "prints")}
    if row["text"]:
        words = words_of(text_of(folder / f"{row['text']}.LICENSE"))
        scale = scale_of(len(words))
        kept = sorted(sampled(prints_of(words), scale))
        packed = b"".join(number.to_bytes(4, "big") for number in kept)
        made |= {"words": len(words), "scale": scale, "prints": base64.b64encode(packed).decode()}
    return made


def table(raw: str, folder: Path) -> str:
    """The whole file with its samples made again."""
    lines = []
    for line in raw.split("\n"):
        if line.startswith('{"licence": '):
            end = "," if line.endswith(",") else ""
            line = json.dumps(entry(json.loads(line.rstrip(",")), folder), ensure_ascii=False) + end  # noqa: PLW2901
        lines.append(line)
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Write, or with --check compare; status 1 if the file is another one."""
    raw = TABLE.read_text(encoding="utf-8")
    made = table(raw, Path(arguments[0]))
    if "--check" in arguments:
        return int(made != raw)
    TABLE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
