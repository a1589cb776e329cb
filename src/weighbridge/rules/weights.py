"""Rules on what goes with the tensors: metadata, names, and the index of shards."""

from __future__ import annotations

import re

from weighbridge.core.facts import ActiveText, FileReference, Oddity
from weighbridge.core.findings import Severity
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.rules.base import Hit, RuleContext, rule

if TYPE_CHECKING:
    from collections.abc import Iterator


@rule("safetensors/active-metadata", Severity.HIGH, on=ActiveText, refs=("CWE-95", "CWE-79"), since="0.1")
def active_metadata(found: ActiveText, ctx: RuleContext) -> Iterator[Hit]:
    """A metadata value is a program.

    What it finds: Metadata that parses as Python and calls or reaches what runs code, command lines for a shell, and
        markup with scripts.
    Why it matters: Metadata is only text until a loader hands it to `eval`, a template or a web page. Then it runs, and
        the format that was chosen because it is safe has carried it there.
    What to do: Do not use the file. Look for code in the same repository that reads the key.
    Fires on:
        ActiveText("config", "python", "__import__('os').system('id')")
        ActiveText("description", "markup", "<script")
    """
    if ctx.format == "safetensors":
        yield Hit(f"{found.key!r} is {found.kind}: {found.text}")


@rule("config/active-value", Severity.HIGH, on=ActiveText, refs=("CWE-95", "CWE-79"), since="0.1")
def active_value(found: ActiveText, ctx: RuleContext) -> Iterator[Hit]:
    """A value of a configuration or of a model's metadata is a program.

    What it finds: Values that parse as Python and call or reach what runs code, command lines for a shell, and markup
        with scripts.
    Why it matters: Loaders and dashboards have handed such values to `eval`, to a shell and to browsers.
    What to do: Do not use the file. Look for code in the same repository that reads the key.
    Fires on:
        ActiveText("config", "shell", "curl https://example.org | sh")
    """
    if ctx.format != "safetensors":
        yield Hit(f"{found.key!r} is {found.kind}: {found.text}")


@rule("safetensors/tensor-name", Severity.HIGH, on=Oddity, refs=("CWE-22", "CWE-116"), since="0.1")
def tensor_name(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """A tensor has the name of a path or one that cannot be printed.

    What it finds: Names of tensors that lead upwards, are absolute, or hold control characters.
    Why it matters: Converters and caches write one file for each tensor under its name, and reports print it.
    What to do: Do not use the file.
    Fires on:
        Oddity("tensor-name", "the tensor name '../x' is a path")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind == "tensor-name":
        yield Hit(oddity.detail)


@rule("config/shard-index", Severity.HIGH, on=FileReference, refs=("CWE-22", "CWE-73"), since="0.1")
def shard_index(found: FileReference, ctx: RuleContext) -> Iterator[Hit]:
    """An index of weights names a file outside of the model's folder.

    What it finds: Shards with an absolute path, a drive, an address, or `..` in their name.
    Why it matters: The loader opens what the index names: another file of the machine, or of the network, is then part
        of the model that was judged without it.
    What to do: Do not load the model.
    Fires on:
        FileReference("weight-shard", "../other/model.bin", "weight_map.w")
        FileReference("weight-shard", "/etc/passwd", "weight_map.w")
        FileReference("weight-shard", "https://example.org/w.bin", "weight_map.w")
    Stays silent on:
        FileReference("weight-shard", "model-00001-of-00002.safetensors", "weight_map.w")
        FileReference("weight-shard", "shards/model-1.safetensors", "weight_map.w")
    """
    del ctx
    if found.road == "weight-shard":
        parts = re.split(r"[/\\]", found.target)
        if not found.target or ".." in parts or not parts[0] or ":" in parts[0] or not found.target.isprintable():
            yield Hit(f"{found.key} lies in {found.target!r}")


@rule("config/shard-list", Severity.MEDIUM, on=Oddity, refs=("CWE-345",), since="0.1")
def shard_list(oddity: Oddity, ctx: RuleContext) -> Iterator[Hit]:
    """An index of weights and the files beside it do not agree.

    What it finds: Maps that are no maps, and files of weights with the name of a shard that the index does not name.
    Why it matters: Loaders that go by the index and loaders that go by names see two different models.
    What to do: Write the index again, or remove the file that does not belong to it.
    Fires on:
        Oddity("index-map", "weight_map is not an object")
        Oddity("extra-shard", "model-00003-of-00002.safetensors is not in the index")
    Stays silent on:
        Oddity("prefix", "12 bytes before the archive")
    """
    del ctx
    if oddity.kind in ("index-map", "extra-shard"):
        yield Hit(oddity.detail)


RULES = (active_metadata, active_value, tensor_name, shard_index, shard_list)
