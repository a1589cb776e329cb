"""Rows about what stays and installs itself, what it waits for, and what cannot be read."""

from __future__ import annotations

from build.python_table.row import SILENT, Row, called

_ELF = "7f454c46020101" + "00" * 1100
ROWS: dict[str, Row] = {
    "connections without a check": Row(
        called("return requests.get(x, verify=False)", "import requests"),
        ("code/insecure-connection", "medium"),
        called("return x.check(verify=True)"),
        SILENT,
        "import ssl\nssl._create_default_https_context = ssl._create_unverified_context\n",
        ("code/persistence", "medium"),
    ),
    "what stays": Row(
        called("open('/usr/lib/python3/site-packages/x.pth', 'w').write('import x')"),
        ("code/persistence", "critical"),
        called("open('out.txt', 'w').write('x')"),
        SILENT,
        called("p = Path.home() / ('.bash' + 'rc')\np.write_text(x)", "from pathlib import Path"),
        ("code/persistence", "critical"),
    ),
    "installing": Row(
        called("subprocess.check_call([sys.executable, '-m', 'pip', 'install', name])", "import subprocess, sys"),
        ("code/process", "high"),
        "# pip install torch\nNEEDS = ['torch']\n",
        SILENT,
        called("from pip._internal.cli.main import main as m\nm(['install', name])"),
        ("code/process", "high"),
    ),
    "code of others": Row(
        called("return AutoModel.from_pretrained(path, trust_remote_code=True)", "from transformers import AutoModel"),
        ("code/unsafe-loading", "medium"),
        called("return AutoModel.from_pretrained(path, trust_remote_code=False)", "from transformers import AutoModel"),
        SILENT,
        called(
            "kw = dict()\nreturn AutoModel.from_pretrained(path, **{'trust_remote_code': True})",
            "from transformers import AutoModel",
        ),
        ("code/unsafe-loading", "medium"),
    ),
    "torch.hub": Row(
        called("return torch.hub.load(path, name)", "import torch"),
        ("code/network", "medium"),
        called("return torch.nn.Linear(1, 1)", "import torch"),
        SILENT,
        called("return getattr(torch, 'hub').load(path, name)", "import torch"),
        ("code/network", "medium"),
    ),
    "what is not pinned": Row(
        called("return AutoModel.from_pretrained('org/name')", "from transformers import AutoModel"),
        ("code/unpinned", "info"),
        called(
            "return AutoModel.from_pretrained('org/name', revision='"
            + "0a" * 20
            + "'), AutoModel.from_pretrained(path)",
            "from transformers import AutoModel",
        ),
        SILENT,
        called(
            "where = 'org/' + 'name'\nreturn AutoModel.from_pretrained(where, revision='main')",
            "from transformers import AutoModel",
        ),
        ("code/unpinned", "info"),
    ),
    "installation": Row(
        "import os\nfrom setuptools import setup\nfrom setuptools.command.install import install\n"
        "class Mine(install):\n    def run(self):\n        os.system('echo inert')\nsetup(cmdclass={'install': Mine})\n",
        ("code/process", "critical"),
        "from setuptools import setup\nsetup(name='x', version='1')\n",
        SILENT,
        "from setuptools import setup\nsetup(cmdclass={'build': object})\n",
        ("code/build-hook", "medium"),
    ),
    "hooks": Row(
        "import atexit\ndef bye(): ...\natexit.register(bye)\n",
        ("code/persistence", "medium"),
        "import signal\nx = signal.SIGTERM\n",
        SILENT,
        "import threading, os\ndef bye():\n    os.system('echo inert')\nthreading.Timer(5, bye).start()\n",
        ("code/process", "critical"),
    ),
    "questions before the deed": Row(
        called("if socket.gethostname() == 'prod':\n    os.system('echo inert')", "import os, socket"),
        ("code/process", "critical"),
        called("if platform.system() == 'Windows':\n    return requests.get(x)", "import platform, requests"),
        "medium",
        "import os, sys\ndef watched():\n    return sys.gettrace() is not None\n"
        + called("if watched():\n    return None\nos.popen('echo inert')"),
        ("code/process", "critical"),
    ),
    "programs in texts": Row(
        f"DATA = '{_ELF}'\n",
        ("config/embedded-object", "high"),
        "KERNEL = '" + "Aq3" * 800 + "'\n",
        "info",
        "DATA = b'" + "".join(f"\\x{_ELF[i : i + 2]}" for i in range(0, len(_ELF), 2)) + "'\n",
        ("config/embedded-object", "high"),
    ),
    "marks": Row(
        "# \u202e } \u2066if admin\u2069 \u2066 begin\nx = 1\n",
        ("code/marks", "high"),
        "# é 中文\nx = '中文'\nλ = 3\n",
        SILENT,
        called("return \uff45val(x)"),
        ("code/marks", "high"),
    ),
    "what cannot be read": Row(
        "def f(:\n",
        ("", ""),
        "def f(): ...\n",
        SILENT,
        "# coding: rot13\nvzcbeg bf\n",
        ("", ""),
    ),
}
