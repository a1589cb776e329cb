"""Lists of packages for conda and for projects, and versions in pickles: what they say, and nothing that they do not."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from build.bill_models import bill_of
from weighbridge.sbom.environments import environment, project
from weighbridge.sbom.pickled_versions import pickled_versions

if TYPE_CHECKING:
    from pathlib import Path

CONDA = """name: mlflow-env
channels:
- conda-forge
dependencies:
- python=3.10.13
- numpy>=1.24   # as it was trained
- conda-forge::pytorch=2.1=py310_0
- cudatoolkit=11.8
- libgcc
- pip:
  - mlflow==2.9.2
  - "scikit-learn==1.3.0"
  - git+https://example.invalid/own.git
- pandas ==2.0.3
variables:
- not=1.0
"""


def needed(folder: Path) -> set[tuple[str, str, str, str]]:
    return {(one.name, one.version, one.wanted, one.purl) for one in bill_of(folder).dependencies}


def test_an_environment_of_conda(tmp_path: Path) -> None:
    (tmp_path / "conda.yaml").write_text(CONDA)
    assert needed(tmp_path) == {
        ("Python", "3.10.13", "==3.10.13", ""),
        ("numpy", "", ">=1.24", "pkg:pypi/numpy"),
        ("torch", "2.1", "==2.1", "pkg:pypi/torch@2.1"),
        ("cudatoolkit", "", "==11.8.*", ""),
        ("CUDA", "11.8", "", ""),
        ("libgcc", "", "", ""),
        ("mlflow", "2.9.2", "==2.9.2", "pkg:pypi/mlflow@2.9.2"),
        ("scikit-learn", "1.3.0", "==1.3.0", "pkg:pypi/scikit-learn@1.3.0"),
        ("pandas", "2.0.3", "==2.0.3", ""),
    }


def test_the_python_of_mlflow(tmp_path: Path) -> None:
    text = "python: 3.11.4\nbuild_dependencies:\n- pip==23.3\ndependencies:\n- -r requirements.txt\n"
    (tmp_path / "python_env.yaml").write_text(text)
    (tmp_path / "requirements.txt").write_text("torch==2.4.0\n")
    assert {(name, version) for name, version, _, _ in needed(tmp_path)} == {("Python", "3.11.4"), ("torch", "2.4.0")}


def test_a_project(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "x"\nrequires-python = ">=3.11"\ndependencies = ["torch==2.4.0", "numpy[a]>=1", "x @ https://x"]\n'
    )
    assert {(name, version, wanted) for name, version, wanted, _ in needed(tmp_path)} == {
        ("Python", "", ">=3.11"),
        ("torch", "2.4.0", "==2.4.0"),
        ("numpy", "", ">=1"),
    }


@pytest.mark.parametrize(
    ("asked", "version"),
    [
        ("torch==2.1.0+cu118", "11.8"),
        ("nvidia-cuda-runtime-cu12==12.4.99", "12"),
        ("cupy-cuda12x", "12"),
        ("torch", ""),
    ],
)
def test_names_and_versions_tell_the_cuda_that_is_needed(tmp_path: Path, asked: str, version: str) -> None:
    (tmp_path / "requirements.txt").write_text(f"{asked}\n")
    told = [one.version for one in bill_of(tmp_path).dependencies if one.kind == "platform"]
    assert told == ([version] if version else [])


@pytest.mark.parametrize("text", ["", "[project", "project = 1", "[project]\ndependencies = 5", "a" * 10_000])
def test_what_is_no_project_asks_for_nothing(text: str) -> None:
    assert list(project(text)) == []


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickled_estimator_tells_its_version(tmp_path: Path, protocol: int) -> None:
    import sklearn
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fitted = make_pipeline(StandardScaler(), LogisticRegression()).fit([[0.0], [1.0]], [0, 1])
    (tmp_path / "net.pkl").write_bytes(pickle.dumps(fitted, protocol))
    told = {(one.name, one.version) for one in bill_of(tmp_path).dependencies}
    assert ("scikit-learn", sklearn.__version__) in told


@pytest.mark.parametrize(
    "raw",
    [b"", b"_sklearn_version", b"\x8c\x10_sklearn_version\x94\x8c\x09latest", b"\x8c\x10_sklearn_version\x8c\x401.0"],
)
def test_what_is_no_version_is_not_told(raw: bytes) -> None:
    assert list(pickled_versions(raw)) == []


@given(st.text(alphabet="dependcis:- =<>pythonum.1\n#\"'", max_size=300))
def test_any_text_is_read(text: str) -> None:
    list(environment(text))
    list(project(text))
