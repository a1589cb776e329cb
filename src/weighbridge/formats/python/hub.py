"""What a Python file takes from a hub: which repository, and whether a commit is named.

    AutoModel.from_pretrained("owner/name", revision="…")       any class
    hf_hub_download("owner/name", …), snapshot_download, load_dataset, pipeline(model="owner/name")
    torch.hub.load("owner/name:branch", …)
    timm.create_model("hf_hub:owner/name")

Only 40 hexadecimal digits name a commit: a branch or a tag can be moved. Sources: huggingface_hub 1.x
`hf_hub_download`; datasets 4 `load_dataset`; PyTorch 2.9 `torch.hub`.
"""

from __future__ import annotations

import ast
import re

from weighbridge.core.records import TYPE_CHECKING

if TYPE_CHECKING:
    from weighbridge.formats.python.names import Names

_REPOSITORY = re.compile(r"(?:hf[_-]hub:)?[A-Za-z0-9][\w.-]*/[\w.-]+(?::[\w./-]+)?")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_FUNCTIONS = frozenset(
    """hf_hub_download snapshot_download cached_download load_dataset load_dataset_builder pipeline create_model
    SentenceTransformer CrossEncoder HfFileSystem""".split()  # noqa: SIM905 -- words read better than a list of them
)
_METHODS = frozenset(("from_pretrained", "from_hub", "from_config_hub", "push_to_hub_from"))
_WORDS = (
    "repo_id",
    "pretrained_model_name_or_path",
    "path",
    "model",
    "repo_or_dir",
    "model_name",
    "model_name_or_path",
)


def unpinned(name: str, node: ast.Call, names: Names) -> str:
    """What is taken from a hub without naming a commit, with the branch if there is one; else an empty string."""
    last = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    torch_hub = name == "torch.hub.load"
    if not (torch_hub or last in _METHODS or (last in _FUNCTIONS or name.rpartition(".")[2] in _FUNCTIONS)):
        return ""
    words = {word.arg: word.value for word in node.keywords}
    if None in words:
        return ""
    given = next((words[word] for word in _WORDS if word in words), node.args[0] if node.args else None)
    repository = names.fold(given)
    if not isinstance(repository, str) or not _REPOSITORY.fullmatch(repository):
        return ""
    source = names.fold(words.get("source"))
    if torch_hub and source == "local":
        return ""
    revision = repository.partition(":")[2] if torch_hub else _revision(words, names)
    if revision is None or _COMMIT.fullmatch(revision):
        return ""
    return f"{repository} at {revision!r}" if revision and not torch_hub else repository


def pinned(node: ast.Call, names: Names) -> bool:
    """Whether a call names a commit."""
    revision = _revision({word.arg: word.value for word in node.keywords}, names)
    return revision is not None and _COMMIT.fullmatch(revision) is not None


def _revision(words: dict[str | None, ast.expr], names: Names) -> str | None:
    """The revision as it is written; empty if there is none, None if it is computed."""
    given = words.get("revision")
    if given is None or (isinstance(given, ast.Constant) and given.value is None):
        return ""
    found = names.fold(given)
    return found if isinstance(found, str) else None
