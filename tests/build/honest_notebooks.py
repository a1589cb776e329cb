"""Honest notebooks as people write them, by the library's own writer."""

from __future__ import annotations

import base64
from typing import Any

import nbformat
import pandas as pd
from nbformat import v4

from build.notebooks import PYTHON, b64, png


def _written(*cells: Any, metadata: dict[str, Any] | None = None) -> bytes:
    made = [v4.new_code_cell(one) if isinstance(one, str) else one for one in cells]
    book = v4.new_notebook(cells=made, metadata=metadata or PYTHON)
    nbformat.validate(book)
    text: str = nbformat.writes(book)
    return text.encode()


def _shown(source: str, data: dict[str, Any], kind: str = "display_data") -> Any:
    return v4.new_code_cell(source, outputs=[v4.new_output(kind, data=data)])


def _printed(source: str, text: str, name: str = "stdout") -> Any:
    return v4.new_code_cell(source, outputs=[v4.new_output("stream", name=name, text=text)], execution_count=1)


_TABLE = pd.DataFrame({"name": ["bert", "gpt2"], "size": [110, 124], "html": ["<b>x</b>", "a & b"]})
_PLOTLY = """<div>            <div id="8c0e" class="plotly-graph-div" style="height:525px; width:100%;"></div>
<script type="text/javascript">require(["plotly"], function(Plotly) { window.PLOTLYENV=window.PLOTLYENV || {};
if (document.getElementById("8c0e")) { Plotly.newPlot("8c0e", [{"x":[1,2],"y":[3,4],"type":"scatter"}], {}, {"responsive": true}) };
});</script>        </div>"""
_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20" version="1.1"><g><path d="M 0 0 L 20 20" '
    'style="stroke: #000000"/></g></svg>'
)
_WIDGETS = {
    "application/vnd.jupyter.widget-state+json": {
        "state": {
            "a1": {
                "model_module": "@jupyter-widgets/controls",
                "model_module_version": "2.0.0",
                "model_name": "FloatProgressModel",
                "state": {
                    "_view_module": "@jupyter-widgets/controls",
                    "_view_name": "ProgressView",
                    "max": 100,
                    "value": 7,
                },
            },
            "a2": {
                "model_module": "@jupyter-widgets/controls",
                "model_module_version": "2.0.0",
                "model_name": "HTMLModel",
                "state": {
                    "_view_module": "@jupyter-widgets/controls",
                    "_view_name": "HTMLView",
                    "value": "Downloading: 100%",
                },
            },
        },
        "version_major": 2,
        "version_minor": 0,
    }
}

HONEST: dict[str, bytes] = {
    "empty": _written(),
    "training": _written(
        "import torch\nfrom torch import nn\nfrom torch.utils.data import DataLoader",
        "class Net(nn.Module):\n    def __init__(self):\n        super().__init__()\n        self.fc = nn.Linear(8, 2)\n\n"
        "    def forward(self, x):\n        return self.fc(x)",
        _printed("for epoch in range(3):\n    print(epoch)", "0\n1\n2\n"),
        "torch.save(Net().state_dict(), 'model.pt')",
    ),
    "packages": _written("!pip install -q transformers datasets accelerate", "%pip install --quiet peft==0.11.1", "!nvidia-smi"),
    "colab": _written(
        "from google.colab import drive\ndrive.mount('/content/drive')",
        "import sys\nIN_COLAB = 'google.colab' in sys.modules\nif IN_COLAB:\n    !pip install -q kaggle",
        "%cd /content/drive/MyDrive",
        metadata=PYTHON | {"colab": {"provenance": [], "gpuType": "T4"}, "accelerator": "GPU"},
    ),
    "settings": _written("%matplotlib inline\n%config InlineBackend.figure_format = 'retina'\n%load_ext autoreload\n%autoreload 2"),
    "a table": _written(_shown("df.head()", {"text/html": _TABLE.to_html(), "text/plain": str(_TABLE)}, "display_data")),
    "a styled table": _written(_shown("df.style", {"text/html": '<style type="text/css">\n#T_a1 th { color: red }\n</style>\n<table id="T_a1"><tr><th>a</th></tr></table>', "text/plain": "<Styler>"})),
    "a picture": _written(_shown("plt.plot(x)", {"image/png": b64(png()) + "\n", "text/plain": "<Figure size 640x480>"})),
    "a picture in lines": _written(_shown("plt.plot(x)", {"image/png": base64.encodebytes(png(40, 40)).decode()})),
    "a drawing": _written(_shown("plt.plot(x)", {"image/svg+xml": _SVG, "text/plain": "<Figure>"})),
    "a plot of plotly": _written(
        _shown(
            "fig.show()",
            {
                "application/vnd.plotly.v1+json": {"data": [{"x": [1, 2], "type": "scatter"}], "layout": {"title": {"text": "Loss"}}},
                "text/html": _PLOTLY,
            },
        )
    ),
    "a plot of altair": _written(
        _shown(
            "chart",
            {
                "application/vnd.vegalite.v5+json": {
                    "$schema": "https://vega.github.io/schema/vega-lite/v5.20.1.json",
                    "data": {"name": "data-1"},
                    "datasets": {"data-1": [{"a": 1}]},
                    "mark": "bar",
                },
                "text/plain": "alt.Chart(...)",
            },
        )
    ),
    "widgets": _written(
        _shown("for batch in tqdm(loader):\n    step(batch)", {"application/vnd.jupyter.widget-view+json": {"model_id": "a1", "version_major": 2, "version_minor": 0}, "text/plain": "  0%|"}),
        metadata=PYTHON | {"widgets": _WIDGETS},
    ),
    "a failure": _written(
        v4.new_code_cell(
            "1 / 0",
            outputs=[v4.new_output("error", ename="ZeroDivisionError", evalue="division by zero", traceback=["\x1b[0;31m---\x1b[0m", "ZeroDivisionError: division by zero"])],
        )
    ),
    "prose": _written(
        v4.new_markdown_cell("# Fine-tuning\n\nWe use **LoRA** with $r = 8$.\n\n```bash\npip install peft\n```"),
        v4.new_raw_cell("raw text"),
        "x = 1",
    ),
    "an attachment": _written(v4.new_markdown_cell("![a](attachment:a.png)", attachments={"a.png": {"image/png": b64(png())}})),
    "tags": _written(v4.new_code_cell("alpha = 0.1", metadata={"tags": ["parameters"]}), v4.new_code_cell("alpha = 0.2", metadata={"tags": ["injected-parameters"], "papermill": {"status": "completed"}})),
    "folded cells": _written(v4.new_code_cell("import os", metadata={"jupyter": {"source_hidden": True}, "tags": ["hide-input"]}), metadata=PYTHON),
    "data by shell": _written("!mkdir -p data\n!wget -q https://example.org/data.zip -O data/data.zip\n!unzip -q -o data/data.zip -d data", "files = !ls data\nprint(files)", "%%bash\nset -e\ngit clone https://github.com/pytorch/examples\ncd examples\npip install -r requirements.txt"),
    "measuring": _written("%timeit x.sum()", "%%time\ny = [i ** 2 for i in range(1000)]", "%%capture out\nprint('hidden')", "%prun -l 5 f()", "%time model.fit(x, y)"),
    "help": _written("len?", "?str.join", "import torch\ntorch.nn.Linear??", "%timeit?"),
    "asynchronous": _written("import asyncio\nawait asyncio.sleep(1)", "async for x in gen():\n    print(x)"),
    "a file": _written("%%writefile train.py\nimport torch\nprint(torch.__version__)", "!python train.py --lr 1e-4 --epochs {epochs}"),
    "tensorboard": _written("%load_ext tensorboard\n%tensorboard --logdir runs", "import os\nos.environ['CUDA_VISIBLE_DEVICES'] = '0'", "%env WANDB_PROJECT=llm"),
    "old pickles": _written("import numpy as np\nimport torch\nmodel.load_state_dict(torch.load('m.pt', weights_only=True))", "data = np.load('x.npy')\nimport json\nwith open('config.json') as f:\n    config = json.load(f)"),
    "text in strings": _written('TEMPLATE = """\n!not a command\n%not_magic\n"""\nprint(TEMPLATE)\n!ls -la', "x = (10\n     % 3)\nassert x != 2"),
    "interpreter": _written("import sys\n!{sys.executable} -m pip install numpy", "import multiprocessing\nprint(multiprocessing.cpu_count())"),
    "a page of sklearn": _written(_shown("model", {"text/html": '<style>#sk-1 {color: black;}</style><div id="sk-1" class="sk-top-container"><div class="sk-text-repr-fallback"><pre>LogisticRegression()</pre></div></div>', "text/plain": "LogisticRegression()"})),
}  # fmt: skip
