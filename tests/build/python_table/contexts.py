"""The same deed at another time, or with other arguments."""

from __future__ import annotations

from build.python_table.row import called

CONTEXTS = {
    "a process on import": ("import os\nos.system('x')\n", "code/process", "critical"),
    "a process when called": (called("os.system('x')", "import os"), "code/process", "high"),
    "a process in a script": ("import os\nif __name__ == '__main__':\n    os.system('x')\n", "code/process", "medium"),
    "a shell with a computed line": (
        called("subprocess.run(x, shell=True)", "import subprocess"),
        "code/process",
        "critical",
    ),
    "a shell with a constant line": (
        called("subprocess.run('nvidia-smi', shell=True)", "import subprocess"),
        "code/process",
        "high",
    ),
    "computed code": (called("exec(x)"), "code/runs-code", "high"),
    "constant code": (called("exec('x = 1')"), "code/runs-code", "medium"),
    "computed code in a script": ("if __name__ == '__main__':\n    exec(x)\n", "code/runs-code", "medium"),
    "fetching on import": ("import requests\nrequests.get('https://example.org')\n", "code/network", "high"),
    "fetching when called": (called("requests.get(x)", "import requests"), "code/network", "medium"),
    "fetching in a script": (
        "import requests\nif __name__ == '__main__':\n    requests.get('x')\n",
        "code/network",
        "low",
    ),
    "fetching what is pinned": (
        called(
            "hf_hub_download('a/b', 'c', revision='" + "0a" * 20 + "')", "from huggingface_hub import hf_hub_download"
        ),
        "code/network",
        "low",
    ),
    "loading on import": ("import torch\ntorch.load('x')\n", "code/unsafe-loading", "high"),
    "loading when called": (called("torch.load(path)", "import torch"), "code/unsafe-loading", "medium"),
    "loading in a script": (
        "import torch\nif __name__ == '__main__':\n    torch.load('x')\n",
        "code/unsafe-loading",
        "low",
    ),
    "pickle in a script": (
        "import pickle\nif __name__ == '__main__':\n    pickle.load(f)\n",
        "code/unsafe-loading",
        "medium",
    ),
    "building on import": ("import torch.utils.cpp_extension as c\nc.load('x', [])\n", "code/native", "high"),
    "building when called": (
        called("c.load('x', [])", "import torch.utils.cpp_extension as c"),
        "code/native",
        "medium",
    ),
    "a thread on import": (
        "import threading\ndef f(): ...\nthreading.Thread(target=f).start()\n",
        "code/persistence",
        "medium",
    ),
    "a deed at the end": (
        "import atexit, os\n@atexit.register\ndef f():\n    os.system('x')\n",
        "code/process",
        "critical",
    ),
    "a deed in a thread": (
        "import threading, os\nthreading.Thread(target=lambda: os.system('x')).start()\n",
        "code/process",
        "critical",
    ),
    "a deed on a signal": (
        "import signal, os\ndef f(*a):\n    os.system('x')\nsignal.signal(2, f)\n",
        "code/process",
        "critical",
    ),
    "a deed of a dying object": (
        "import os\nclass A:\n    def __del__(self):\n        os.system('x')\nA()\n",
        "code/process",
        "critical",
    ),
    "a deed of a dead object": (
        "import os, weakref\nweakref.finalize(object, lambda: os.system('x'))\n",
        "code/process",
        "critical",
    ),
    "a deed of an audit": ("import sys, os\nsys.addaudithook(lambda *a: os.system('x'))\n", "code/process", "critical"),
    "a deed of a child class": (
        "import os\nclass A:\n    def __init_subclass__(cls):\n        os.system('x')\nclass B(A): ...\n",
        "code/process",
        "critical",
    ),
    "a deed of a missing name": ("import os\ndef __getattr__(n):\n    os.system('x')\n", "code/process", "critical"),
    "fetching behind a question for the host": (
        called("if os.uname().nodename == 'a':\n    requests.get(x)", "import os, requests"),
        "code/network",
        "high",
    ),
    "fetching behind a question for a debugger": (
        called("if sys.gettrace():\n    return\nrequests.get(x)", "import sys, requests"),
        "code/network",
        "high",
    ),
    "fetching behind a date": (
        called(
            "if datetime.datetime.now() > datetime.datetime(2027, 1, 1):\n    requests.get(x)",
            "import datetime, requests",
        ),
        "code/network",
        "high",
    ),
    "fetching behind a long sleep": (
        called("time.sleep(600)\nrequests.get(x)", "import time, requests"),
        "code/network",
        "high",
    ),
    "fetching behind a virtual machine": (
        called(
            "if 'vmware' in open('/sys/class/dmi/id/product_name').read():\n    return\nrequests.get(x)",
            "import requests",
        ),
        "code/network",
        "high",
    ),
    "fetching after a pause": (
        called("time.sleep(2)\nrequests.get(x)", "import time, requests"),
        "code/network",
        "medium",
    ),
    "fetching when it is old": (
        called("if time.time() - x > 60:\n    requests.get(x)", "import time, requests"),
        "code/network",
        "medium",
    ),
}
"""Name → source, rule, severity."""
