"""Rows about code that is run and processes that are started."""

from __future__ import annotations

from build.python_table.row import SILENT, Row, called

ROWS: dict[str, Row] = {
    "metadata": Row(
        called(
            "with safe_open(path, 'pt') as f:\n    return eval(f.metadata()['layers'])",
            "from safetensors import safe_open",
        ),
        ("code/metadata-flow", "critical"),
        called(
            "with safe_open(path, 'pt') as f:\n    return json.loads(f.metadata()['layers'])",
            "import json\nfrom safetensors import safe_open",
        ),
        SILENT,
        called("run = eval\nheld = x['__metadata__']\nreturn run(held['a'] + held['b'])"),
        ("code/metadata-flow", "critical"),
    ),
    "metadata of gguf": Row(
        called("exec(GGUFReader(path).fields['general.name'].parts[0])", "from gguf import GGUFReader"),
        ("code/metadata-flow", "critical"),
        called("return GGUFReader(path).fields['general.name'].parts[0]", "from gguf import GGUFReader"),
        SILENT,
        called("reader = G(path)\nexec(str(reader.fields[name]))", "from gguf import GGUFReader as G"),
        ("code/metadata-flow", "critical"),
    ),
    "configuration": Row(
        called("return eval(json.load(open('config.json'))['act'])", "import json"),
        ("code/metadata-flow", "critical"),
        called("return getattr(nn, json.load(open('config.json'))['act'])", "import json\nfrom torch import nn"),
        SILENT,
        called(
            "with open(path) as f:\n    held = j.load(f)\npart = held['act']\nreturn compile(part, 'a', 'exec')",
            "import json as j",
        ),
        ("code/metadata-flow", "critical"),
    ),
    "decoded code": Row(
        called("exec(base64.b64decode(x))", "import base64"),
        ("code/hidden-code", "critical"),
        called("return base64.b64decode(x)", "import base64"),
        SILENT,
        called("run = vars(builtins)['ex' + 'ec']\nrun(zlib.decompress(bytes.fromhex(x)))", "import builtins, zlib"),
        ("code/hidden-code", "critical"),
    ),
    "code": Row(
        called("return eval(x)"),
        ("code/runs-code", "high"),
        "import ast\nfrom torch import nn\nnet = nn.Linear(1, 1)\nnet.eval()\n"
        + called("return ast.literal_eval(x), x.eval('a + b')"),
        SILENT,
        called("return (lambda f: f)(__builtins__)['eval'](x)\n", "(e := eval)"),
        ("code/runs-code", "high"),
    ),
    "constant code": Row(
        called("return eval('1 + 1')"),
        ("code/runs-code", "medium"),
        "from collections import namedtuple\nPoint = namedtuple('Point', 'x y')\n",
        SILENT,
        called('return eval(\'__import__("os").system("echo inert")\')'),
        ("code/process", "high"),
    ),
    "made functions": Row(
        called("return types.FunctionType(x, {})", "import types"),
        ("code/runs-code", "high"),
        called("return isinstance(x, types.FunctionType)", "import types"),
        SILENT,
        called("load.__code__ = x"),
        ("code/runs-code", "high"),
    ),
    "commands": Row(
        "import os\nos.system('echo inert')\n",
        ("code/process", "critical"),
        "import os\nroot = os.path.join('a', 'b')\nos.makedirs(root, exist_ok=True)\n",
        SILENT,
        "import posix as p\ng = getattr(p, 'popen')\ng('echo inert')\n",
        ("code/process", "critical"),
    ),
    "subprocess": Row(
        called("subprocess.run(['ffmpeg', path])", "import subprocess"),
        ("code/process", "high"),
        called("return subprocess.CalledProcessError", "import subprocess"),
        SILENT,
        called("return functools.partial(s.check_output, shell=True)(x)", "import functools, subprocess as s"),
        ("code/process", "high"),
    ),
}
