"""Files that a program runs or obeys by their name or place, without anybody asking for them.

Sources, looked at on 2026-11-29: CPython `site`; pytest, setuptools, torch.hub, IPython and Jupyter documentation; Git
`githooks`; Visual Studio Code tasks, development containers; direnv; GitHub and GitLab pipelines; the shells' manuals;
documentation of assistants for code.
"""

from __future__ import annotations

import re

_NAMES = {
    "sitecustomize.py": "Python imports it whenever it starts",
    "usercustomize.py": "Python imports it whenever it starts",
    "conftest.py": "pytest imports it",
    "setup.py": "pip runs it",
    "hubconf.py": "torch.hub imports it",
    "noxfile.py": "nox runs it",
    "dodo.py": "doit runs it",
    "tasks.py": "invoke imports it",
    "fabfile.py": "fabric imports it",
    "gunicorn.conf.py": "gunicorn runs it",
    "ipython_config.py": "IPython runs it whenever it starts",
    "ipython_kernel_config.py": "every kernel of IPython runs it",
    ".envrc": "direnv runs it when somebody enters the folder",
    ".bashrc": "the shell runs it",
    ".bash_profile": "the shell runs it",
    ".profile": "the shell runs it",
    ".zshrc": "the shell runs it",
    ".zshenv": "the shell runs it",
    ".vimrc": "vim may run it",
    ".exrc": "vim may run it",
    ".gdbinit": "gdb may run it",
    ".lldbinit": "lldb may run it",
    ".pdbrc": "the debugger of Python runs it",
    ".pythonrc.py": "Python may run it when it starts",
    ".Rprofile": "R runs it whenever it starts in the folder",
    ".pre-commit-config.yaml": "pre-commit runs what it names",
    ".gitlab-ci.yml": "pipelines run it",
    "azure-pipelines.yml": "pipelines run it",
    "jenkinsfile": "pipelines run it",
}
_JUPYTER = r"jupyter_\w*config\.(?:py|json)"
_HOOKS = frozenset(
    """applypatch-msg pre-applypatch post-applypatch pre-commit pre-merge-commit prepare-commit-msg commit-msg
    post-commit pre-rebase post-checkout post-merge pre-push pre-receive update post-receive post-update
    reference-transaction push-to-checkout pre-auto-gc post-rewrite sendemail-validate fsmonitor-watchman
    post-index-change""".split()  # noqa: SIM905 -- words read better than a list of them
)
_PLACES = (
    (r"(?:^|/)\.?ipython/profile_[^/]+/startup/[^/]+\.i?py$", "IPython runs it whenever it starts"),
    (r"(?:^|/)profile_[^/]+/startup/[^/]+\.i?py$", "IPython runs it whenever it starts"),
    (r"(?:^|/)\.vscode/(?:tasks|launch|settings)\.json$", "the editor obeys it when the folder is opened"),
    (r"(?:^|/)\.?devcontainer(?:/[^/]+)?(?:/devcontainer)?\.json$", "the editor starts what it names"),
    (r"(?:^|/)\.github/(?:workflows|actions)/.+\.ya?ml$", "pipelines run it"),
    (r"(?:^|/)\.circleci/config\.ya?ml$", "pipelines run it"),
    (
        r"(?:^|/)\.(?:claude|cursor|codex|gemini|windsurf)/(?:settings(?:\.local)?|mcp|hooks)\.(?:json|toml)$",
        "an assistant obeys it",
    ),
    (r"(?:^|/)\.mcp\.json$", "an assistant starts what it names"),
    (r"(?:^|/)\.idea/(?:runConfigurations/.+|workspace)\.xml$", "the editor offers to run what it names"),
    (r"(?:^|/)(?:\.config/)?autostart/[^/]+\.desktop$", "the desktop starts it"),
)  # fmt: skip


def started_by(location: str) -> str:
    """Who runs or obeys the file at `location` (a path, within archives too) without being asked; else empty."""
    path = location.rpartition("!")[2]
    folder, _, name = path.rpartition("/")
    known = _NAMES.get(name) or _NAMES.get(name.lower())
    if known:
        return known
    if name.startswith("jupyter_") and re.fullmatch(_JUPYTER, name):
        return "Jupyter runs or obeys it whenever it starts"
    if name in _HOOKS and folder.rpartition("/")[2] in ("hooks", ".githooks", ".husky"):
        return "Git runs it"
    if "/" not in path and not name.startswith("."):
        return ""
    return next((why for pattern, why in _PLACES if re.search(pattern, path)), "")
