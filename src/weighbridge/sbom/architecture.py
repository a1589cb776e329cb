"""What a model is built like: from its configuration, from the metadata of its weights, and from its tensors."""

from __future__ import annotations

from weighbridge.core.facts import Metadata, Setting, Tensor
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.sbom.bill import Declared, Observed, Said, Weights
from weighbridge.sbom.documents import text_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from weighbridge.sbom.documents import Documents
    from weighbridge.scan.report import BlobFacts

CONFIG = "config.json"
SIZES = (
    "hidden_size",
    "d_model",
    "n_embd",
    "num_hidden_layers",
    "n_layer",
    "num_layers",
    "num_attention_heads",
    "n_head",
    "num_key_value_heads",
    "intermediate_size",
    "head_dim",
    "vocab_size",
    "max_position_embeddings",
    "n_positions",
    "sliding_window",
    "rope_theta",
    "num_experts",
    "num_local_experts",
    "num_experts_per_tok",
    "num_labels",
    "image_size",
    "patch_size",
    "hidden_act",
    "tie_word_embeddings",
    "is_encoder_decoder",
    "problem_type",
)
"""Keys of `config.json` that say how large a model is and how it is laid out."""
GGUF = (
    "general.architecture",
    "general.file_type",
    "general.quantization_version",
    "general.size_label",
    "tokenizer.ggml.model",
)
GGUF_ENDS = (
    ".context_length",
    ".embedding_length",
    ".block_count",
    ".feed_forward_length",
    ".attention.head_count",
    ".attention.head_count_kv",
    ".rope.dimension_count",
    ".vocab_size",
    ".expert_count",
)
"""Keys of GGUF, those of an architecture by their end."""
QUANTIZATION = (
    "quant_method",
    "bits",
    "w_bit",
    "group_size",
    "q_group_size",
    "load_in_4bit",
    "load_in_8bit",
    "version",
)
FROM_THE_FORMAT = {
    "onnx": ("ir_version", "producer_name", "producer_version", "domain", "model_version"),
    "ort": ("ort_version", "ir_version", "producer_name", "producer_version"),
    "tflite": ("version", "description"),
    "safetensors": ("format", "modelspec.architecture", "ss_base_model_version"),
    "lightgbm": ("objective", "num_class", "version"),
    "xgboost-binary": ("objective", "booster"),
    "ubjson": ("learner.objective.name", "version"),
    "fasttext": ("dim", "model", "loss", "lr", "epoch"),
}
"""Metadata that says how a model is built, by format."""


def declared(blobs: tuple[BlobFacts, ...], documents: Documents) -> Declared:
    """What the configuration at the top says."""
    settings: dict[str, str] = {}
    for blob in blobs:
        if blob.location == CONFIG:
            settings.update((fact.key, fact.value) for fact in blob.facts if isinstance(fact, Setting))
    adapter = next((tree for path, tree in documents.named("adapter_config.json") if "/" not in path), {})

    def several(prefix: str) -> tuple[str, ...]:
        return tuple(value for key, value in settings.items() if key.startswith(prefix) and value)

    return Declared(
        architectures=several("architectures."),
        model_type=settings.get("model_type", ""),
        dtype=settings.get("torch_dtype", "") or settings.get("dtype", ""),
        library_version=settings.get("transformers_version", ""),
        base_model=text_of(adapter.get("base_model_name_or_path"))
        or settings.get("base_model_name_or_path", "")
        or settings.get("_name_or_path", ""),
        quantization=settings.get("quantization_config.quant_method", ""),
        custom_code=several("auto_map."),
    )


def observed(blobs: tuple[BlobFacts, ...]) -> Observed:
    """What the tensors of each file say; members of an archive count for the file that holds them."""
    files: dict[str, tuple[int, dict[str, int]]] = {}
    for blob in blobs:
        path = blob.location.partition("!")[0]
        for fact in blob.facts:
            if isinstance(fact, Tensor):
                count, by_dtype = files.get(path, (0, {}))
                elements = 1
                for length in fact.shape:
                    elements *= length
                by_dtype[fact.dtype] = by_dtype.get(fact.dtype, 0) + elements
                files[path] = (count + 1, by_dtype)
    weights = tuple(
        Weights(path, count, sum(by_dtype.values()), tuple(sorted(by_dtype.items())))
        for path, (count, by_dtype) in sorted(files.items())
    )
    total: dict[str, int] = {}
    for one in weights:
        for dtype, elements in one.dtypes:
            total[dtype] = total.get(dtype, 0) + elements
    return Observed(sum(one.tensors for one in weights), sum(total.values()), tuple(sorted(total.items())), weights)


def architecture(blobs: tuple[BlobFacts, ...], documents: Documents) -> tuple[Said, ...]:
    """Sizes, layout and quantization, each with the place that says so; a value that stands twice is said once."""
    found: dict[tuple[str, str], Said] = {}
    for one in (*_configured(documents), *_from_metadata(blobs)):
        found.setdefault((one.name, one.value), one)
    return tuple(found.values())


def _configured(documents: Documents) -> Iterator[Said]:
    for path, tree in documents.named(CONFIG):
        if "/" in path:
            continue
        for part in (tree, tree.get("text_config")):
            if isinstance(part, dict):
                yield from _named(part, SIZES, path, "")
        quantized = tree.get("quantization_config")
        if isinstance(quantized, dict):
            yield from _named(quantized, QUANTIZATION, path, "quantization.")
    for name in ("quantize_config.json", "quant_config.json"):
        for path, tree in documents.named(name):
            yield from _named(tree, QUANTIZATION, path, "quantization.")


def _named(tree: dict[str, Any], keys: tuple[str, ...], path: str, prefix: str) -> Iterator[Said]:
    for key in keys:
        text = text_of(tree.get(key))
        if text:
            yield Said(prefix + key, text, path)


def _from_metadata(blobs: tuple[BlobFacts, ...]) -> Iterator[Said]:
    for blob in blobs:
        wanted = FROM_THE_FORMAT.get(blob.format, ())
        if not wanted and blob.format != "gguf":
            continue
        for fact in blob.facts:
            if not isinstance(fact, Metadata) or not fact.value:
                continue
            if fact.key in wanted:
                yield Said(f"{blob.format}.{fact.key}", fact.value, blob.location, observed=True)
            elif blob.format == "gguf" and (fact.key in GGUF or fact.key.endswith(GGUF_ENDS)):
                yield Said(fact.key, fact.value, blob.location, observed=True)
