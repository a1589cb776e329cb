"""Rows about imports, names and objects that are not what they seem."""

from __future__ import annotations

from build.python_table.row import SILENT, Row, called

ROWS: dict[str, Row] = {
    "computed imports": Row(
        called("return importlib.import_module(name)", "import importlib"),
        ("code/native", "high"),
        called(
            "return importlib.import_module(f'.{name}', 'transformers.models'), importlib.import_module('json')",
            "import importlib",
        ),
        "low",
        called("take = __import__\nreturn take(name)"),
        ("code/native", "high"),
    ),
    "imports by path": Row(
        called("return spec_from_file_location('x', path)", "from importlib.util import spec_from_file_location"),
        ("code/native", "medium"),
        "import sys, os\nhere = os.path.dirname(__file__)\nsys.path.append(here)\n",
        "low",
        called("sys.path[:0]\nreturn runpy.run_path(path)", "import runpy, sys"),
        ("code/runs-code", "high"),
    ),
    "folders of modules": Row(
        called("sys.path.insert(0, path)", "import sys"),
        ("code/native", "medium"),
        called("return sys.path[0]", "import sys"),
        SILENT,
        called("from sys import path as p\np.insert(0, name)"),
        ("code/native", "medium"),
    ),
    "hidden imports": Row(
        called("return __import__('o' + 's')"),
        ("code/runs-code", "high"),
        "import importlib\nos = importlib.import_module('json')\n",
        SILENT,
        called("return __import__(''.join(chr(c ^ 1) for c in [110, 114]))"),
        ("code/runs-code", "high"),
    ),
    "attributes by computed names": Row(
        called("return getattr(os, name)", "import os"),
        ("code/runs-code", "high"),
        called("return getattr(torch, name), getattr(torch.nn, name)", "import torch"),
        SILENT,
        called("take = getattr\nreturn take(__import__('sub' 'process'), name)"),
        ("code/runs-code", "high"),
    ),
    "tables of names": Row(
        called("return globals()[name](x)"),
        ("code/runs-code", "high"),
        "x = globals()['__name__']\n",
        SILENT,
        called("return load.__globals__[name](x)"),
        ("code/runs-code", "high"),
    ),
    "the object model": Row(
        called("return ().__class__.__base__.__subclasses__()"),
        ("code/runs-code", "high"),
        called("return type(x).__mro__, x.__code__.co_varnames, x.__class__.__name__"),
        SILENT,
        called("return '{0.__init__.__globals__}'.format(x)"),
        ("code/runs-code", "high"),
    ),
    "import hooks": Row(
        "import sys\nclass Finder: ...\nsys.meta_path.insert(0, Finder())\n",
        ("code/import-hook", "high"),
        "import sys\nclass Lazy: ...\nsys.modules[__name__] = Lazy()\n",
        SILENT,
        "import sys as s\nhooks = s.path_hooks\nhooks.append(print)\n",
        ("code/import-hook", "high"),
    ),
    "modules in the place of others": Row(
        "import sys\nsys.modules['torch'] = object()\n",
        ("code/import-hook", "high"),
        "import sys\nx = sys.modules['json'] if 'json' in sys.modules else None\n",
        SILENT,
        "import sys\nsys.modules.update(torch=object())\n",
        ("code/import-hook", "high"),
    ),
    "builtins in the place of others": Row(
        "import builtins\nbuiltins.__import__ = print\n",
        ("code/import-hook", "high"),
        "import builtins\nx = builtins.len([])\n",
        SILENT,
        "import builtins as b\nsetattr(b, 'op' + 'en', print)\n",
        ("code/import-hook", "high"),
    ),
    "finders": Row(
        "import importlib.abc\nclass Finder(importlib.abc.MetaPathFinder): ...\n",
        ("code/import-hook", "high"),
        "import importlib.abc\nclass Finder: ...\n",
        SILENT,
        "from importlib.abc import Loader as L\nclass Finder(L): ...\n",
        ("code/import-hook", "high"),
    ),
    "patches": Row(
        "import torch\ndef mine(*a): ...\ntorch.load = mine\n",
        ("code/persistence", "medium"),
        "import torch\ntorch.backends.cudnn.benchmark = True\nclass Net:\n    def __init__(self):\n        self.forward = self.run\n",
        SILENT,
        "import torch\nsetattr(torch, 'lo' + 'ad', print)\n",
        ("code/persistence", "medium"),
    ),
}
