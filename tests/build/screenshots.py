"""Pictures of the dashboard for the README and docs/, taken by a real browser of a server with a few models.

    make screenshots        # writes docs/pictures/*.png; needs chromium and `make services`

What is in the registry is made on the spot: a good model, one with a pickle that nobody vouches for, a refused intake.
"""

from __future__ import annotations

import json
import os
import pickle
import sys
import tempfile
from pathlib import Path

from build.browser import browser, needs_browser, served
from build.containers import safetensors
from build.running import command

ROOT = Path(__file__).parents[2]


FOLDER = ROOT / "docs" / "pictures"
CARD = (
    b"---\nlicense: apache-2.0\ndatasets: [rotten-tomatoes]\nbase_model: team/encoder\n---\n# Reviews\n\nGood or bad?\n"
)
SIZE = {"width": 1200, "height": 860}


class Unknown:
    """A class that no knowledge vouches for: its pickle is suspicious, and harmless."""


def models(folder: Path) -> None:
    """Take a few models in, and ask gate two about them."""
    weights = safetensors({f"encoder.layer.{number}.weight": bytes(4096) for number in range(12)})
    good = {
        "model.safetensors": weights,
        "config.json": b'{"model_type": "bert", "hidden_size": 768}',
        "README.md": CARD,
    }
    doubtful = {"state.pkl": pickle.dumps(Unknown()), "config.json": b'{"model_type": "net"}'}
    changed = {**good, "vocab.txt": b"good\nbad\n"}
    made = {"encoder": good, "reviews": good, "reviews-2": changed, "tagger": doubtful}
    for name, files in made.items():
        (folder / name).mkdir()
        for path, content in files.items():
            (folder / name / path).write_bytes(content)
    for name, target, stage in (
        ("encoder", "team/encoder:v1", "production"),
        ("reviews", "team/reviews:v1", "production"),
        ("tagger", "vision/tagger:v1", "sandbox"),
        ("reviews-2", "team/reviews:v2", "production"),
    ):
        assert command("intake", name, "--to", f"oci:registry:{target}", "--stage", stage).status == 0, name
        for asked in ("sandbox", "staging", "production"):
            command("admit", target, "--stage", asked)
    assert command("index", "rebuild").status == 0


def main() -> int:
    """Take the pictures."""
    needs_browser()
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        os.chdir(folder)
        assert command("init").status == 0
        models(folder)
        with served(folder, "--workers", "0") as address, browser() as chromium:
            page = chromium.new_page(viewport=SIZE)
            page.goto(f"{address}/models?as=json")
            rows = json.loads(page.inner_text("body"))["rows"]
            digests = {row["path"]: row["manifest"] for row in reversed(rows)}
            for name, path in (
                ("queue", "/"),
                ("model", f"/models/team/reviews?digest={digests['team/reviews']}"),
                ("decisions", "/decisions"),
            ):
                page.goto(f"{address}{path}")
                page.screenshot(path=str(FOLDER / f"{name}.png"), full_page=name == "model")
        os.chdir(ROOT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
