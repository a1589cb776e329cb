"""Train the digits example and write `examples/digits/`: weights, configuration and model card.

    scikit-learn's digits (1,797 images, 8x8) → MLPClassifier(64 → 32 → 10) → float32 tensors → model.safetensors
                                                                            ↘ measured again from them → README.md

Needs scikit-learn, numpy and safetensors (the `dev` extra). Run: python examples/train_digits.py [FOLDER]
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    Tensors = Mapping[str, np.ndarray]

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "digits")
SEED = 0
HIDDEN = 32
"""Neurons of the one hidden layer."""
LEARNING_RATE = 0.005
PASSES = 400
"""Passes over the training images, at most: it ends when ten passes in a row gained nothing."""
BRIGHTEST = 16.0
"""The largest pixel value of the data set; inputs are divided by it."""
TESTED_SHARE = 0.2
"""Share of the images that is kept away from training."""


class Trained(NamedTuple):
    """The model as it is written, and how it does on the images that it has not seen."""

    tensors: Tensors
    accuracy: float
    macro_f1: float
    per_digit: tuple[float, ...]
    trained_on: int
    tested_on: int


def train() -> Trained:
    """Train with a fixed seed and measure the float32 weights on the images that were kept away.

    The last bits of the weights depend on the linear algebra library of the machine; the measures do not.
    """
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.metrics import accuracy_score, f1_score, recall_score
    from sklearn.model_selection import train_test_split
    from sklearn.neural_network import MLPClassifier

    images, digits = load_digits(return_X_y=True)
    seen, unseen, seen_digits, unseen_digits = train_test_split(
        images / BRIGHTEST, digits, test_size=TESTED_SHARE, random_state=SEED, stratify=digits
    )
    model = MLPClassifier(
        hidden_layer_sizes=(HIDDEN,), alpha=0.01, learning_rate_init=LEARNING_RATE, max_iter=PASSES, random_state=SEED
    )
    model.fit(seen, seen_digits)
    tensors: dict[str, np.ndarray] = {}
    for number, (weight, bias) in enumerate(zip(model.coefs_, model.intercepts_, strict=True)):
        # Rows are outputs, as in the linear layers that other libraries would load this into.
        tensors[f"layers.{number}.weight"] = np.ascontiguousarray(weight.T, dtype=np.float32)
        tensors[f"layers.{number}.bias"] = bias.astype(np.float32)
    guessed = predict(tensors, unseen.astype(np.float32))
    return Trained(
        tensors=tensors,
        accuracy=float(accuracy_score(unseen_digits, guessed)),
        macro_f1=float(f1_score(unseen_digits, guessed, average="macro")),
        per_digit=tuple(float(share) for share in recall_score(unseen_digits, guessed, average=None)),
        trained_on=len(seen),
        tested_on=len(unseen),
    )


def predict(tensors: Tensors, images: np.ndarray) -> np.ndarray:
    """The digit seen in each image. `images`: float32, one row of 64 pixels between 0 and 1 per image."""
    import numpy as np

    hidden = np.maximum(images @ tensors["layers.0.weight"].T + tensors["layers.0.bias"], 0)
    scores: np.ndarray = hidden @ tensors["layers.1.weight"].T + tensors["layers.1.bias"]
    digits: np.ndarray = scores.argmax(axis=1)
    return digits


def config() -> dict[str, Any]:
    """The configuration, with the keys that loaders of model folders know. It names no code."""
    labels = [str(digit) for digit in range(10)]
    return {
        "architectures": ["DigitsMLP"],
        "model_type": "digits-mlp",
        "dtype": "float32",
        "hidden_act": "relu",
        "hidden_sizes": [HIDDEN],
        "image_size": 8,
        "num_channels": 1,
        "num_labels": len(labels),
        "id2label": {str(number): label for number, label in enumerate(labels)},
        "label2id": {label: number for number, label in enumerate(labels)},
        "problem_type": "single_label_classification",
    }


def card(trained: Trained) -> str:
    """The model card, with the measures of this very training."""
    rows = "\n".join(f"| {digit} | {share:.3f} |" for digit, share in enumerate(trained.per_digit))
    parameters = sum(tensor.size for tensor in trained.tensors.values())
    return CARD.format(
        accuracy=trained.accuracy,
        f1=trained.macro_f1,
        rows=rows,
        parameters=parameters,
        hidden=HIDDEN,
        rate=LEARNING_RATE,
        passes=PASSES,
        seed=SEED,
        trained_on=trained.trained_on,
        tested_on=trained.tested_on,
    )


def write(folder: str) -> Trained:
    """Train, and write the three files of the model into `folder`."""
    from safetensors.numpy import save

    trained = train()
    os.makedirs(folder, exist_ok=True)
    files = {
        "model.safetensors": save(dict(trained.tensors), metadata={"format": "np"}),
        "config.json": (json.dumps(config(), indent=2) + "\n").encode(),
        "README.md": card(trained).encode(),
    }
    for name, content in files.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content)
    return trained


CARD = """\
---
license: apache-2.0
datasets:
- optical-recognition-of-handwritten-digits
metrics:
- accuracy
- f1
pipeline_tag: image-classification
tags:
- safetensors
- image-classification
- handwritten-digits
- mlp
- example
model-index:
- name: digits-mlp
  results:
  - task:
      type: image-classification
      name: Image Classification
    dataset:
      type: optical-recognition-of-handwritten-digits
      name: Optical Recognition of Handwritten Digits (held-out fifth)
      split: test
    metrics:
    - type: accuracy
      value: {accuracy:.4f}
      name: Accuracy
    - type: f1
      value: {f1:.4f}
      name: F1 (macro)
---

# digits-mlp

A very small neural network that reads one handwritten digit from an image of 8 by 8 pixels. It exists to show what a
model folder looks like when everything about it can be checked.

## Model details

- **Kind:** multilayer perceptron, 64 inputs, one hidden layer of {hidden} neurons (ReLU), 10 outputs;
  {parameters:,} parameters
- **Files:** `model.safetensors` (float32 tensors `layers.0.weight`, `layers.0.bias`, `layers.1.weight`,
  `layers.1.bias`; rows are outputs), `config.json`
- **Made by:** the Weighbridge authors, with `examples/train_digits.py` of the Weighbridge source
- **Version:** 1.0
- **Licence:** Apache-2.0
- **Base model:** none, trained from scratch

The score of each digit is `layers.1(relu(layers.0(pixels / 16)))`; the answer is the digit with the highest score.

## Intended use

Teaching, demonstrations, and tests of tools that inspect, sign, convert or deploy models. The input is a greyscale
image of one digit, 8 by 8 pixels with values from 0 (background) to 16 (ink), centred as in the training data.

## Out-of-scope use

Do not use it to read postal codes, cheques, forms, meter readings, or anything else that a person or a decision
depends on. It has no answer for "this is not a digit": it names one of ten digits for any image. It must not be
used to identify who wrote something.

## Training data

The training data are {trained_on:,} of the 1,797 images that scikit-learn ships as its *digits* data set. They are
the test part of "Optical Recognition of Handwritten Digits" (E. Alpaydin and C. Kaynak, UCI Machine Learning
Repository, 1998, DOI 10.24432/C50P49, licence CC BY 4.0), written by 13 people and reduced from 32 by 32
black and white pixels to 8 by 8 counts from 0 to 16. The data hold no names and nothing else about the writers.

## Training procedure

Pixels are divided by 16. Of all images a fifth, drawn with equal shares of each digit, is kept away from training.
Training is scikit-learn's `MLPClassifier`: Adam, learning rate {rate}, batches of 200, L2 penalty 0.01, at most
{passes} passes over the data, seed {seed}. The weights are then rounded to float32. No hyperparameter was tuned on
the images that were kept away.

## Evaluation

Measured on the {tested_on} images that were kept away, with the float32 weights of this folder.

| measure | value |
|---|---|
| accuracy | {accuracy:.4f} |
| F1, mean over the digits | {f1:.4f} |

| digit | share recognised |
|---|---|
{rows}

## Limitations

- The same 13 people wrote the training images and the images of the evaluation: for other hands expect less.
- Thirteen writers are few: a way of writing a digit that none of them used, say a crossed seven, may be misread.
- Images that are shifted, rotated, inverted or of another size are not handled.
- Its scores are not calibrated probabilities.
- It was not hardened: tiny, deliberate changes of an image change its answer.

## Environmental impact

Training takes less than ten seconds on one core of a processor, which is well below 1 Wh. No accelerator was used.

## Contact

The Weighbridge authors: open an issue in the repository that this folder came with.
"""


if __name__ == "__main__":
    result = write(sys.argv[1] if len(sys.argv) > 1 else FOLDER)
    print(f"accuracy {result.accuracy:.4f} on {result.tested_on} images that were kept away from training")
