"""What lies in registries and in the index."""

from __future__ import annotations

from tools.schemas.shapes import Shape, tops

from weighbridge.pipelines.inventory import ShownModel, Tree, Verification
from weighbridge.registry.copy import Copied
from weighbridge.registry.garbage import Garbage
from weighbridge.render.index import AnswerDocument, IndexDocument, RebuiltDocument
from weighbridge.render.registry import Listing


def shapes() -> dict[str, Shape]:
    """Every document about registries and the index, by the name of its schema."""
    return {**registry_shapes(), **index_shapes()}


def registry_shapes() -> dict[str, Shape]:
    """What `weighbridge registry` says, as `render/registry.py` writes the records; a refused copy is a decision."""
    return tops(
        {
            "registry-list": Listing,
            "registry-show": ShownModel,
            "registry-tree": Tree,
            "registry-verify": Verification,
            "registry-copy": Copied,
            "registry-gc": Garbage,
        }
    )


def index_shapes() -> dict[str, Shape]:
    """What `weighbridge index` and `weighbridge query` say, as `render/index.py` writes it."""
    return tops(
        {
            "query": AnswerDocument,
            "index-rebuild": RebuiltDocument,
            "index-show": IndexDocument,
        }
    )
