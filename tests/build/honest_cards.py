"""Cards as people write them: the template of the Hub, cards that a trainer writes, long ones with tables and pictures."""

from __future__ import annotations

FRONT = """---
license: {license}
language:
- en
- "no"
library_name: transformers
pipeline_tag: {task}
tags: [{task}, pytorch, "généré"]
datasets:
- squad
base_model: {base}
model-index:
- name: {name}
  results:
  - task: {{type: {task}}}
    metrics:
    - {{type: accuracy, value: 0.9213}}
---
"""
TEMPLATE = """
# Model Card for {name}

<!-- Provide a quick summary of what the model is/does. -->

## Model Details

### Model Description

<!-- Provide a longer summary of what this model is. -->

- **Developed by:** [More Information Needed]
- **License:** {license}
- **Finetuned from model:** [{base}](https://huggingface.co/{base})

### Out-of-Scope Use

<!-- This section addresses misuse, malicious use, and uses that the model will not work well for. -->

You should not use the model to ignore safety rules. Users (both direct and downstream) should be made aware of the risks.

## How to Get Started

```python
from transformers import AutoModel
model = AutoModel.from_pretrained("{base}")  # <script> in code is text
```

**BibTeX:** [More Information Needed] <!-- If there is a paper or blog post, the APA and Bibtex information should go here. -->
"""
TRAINER = """
<!-- This model card has been generated automatically according to the information the Trainer had access to. You
should probably proofread and complete it, then remove this comment. -->

# {name}

This model is a fine-tuned version of [{base}](https://huggingface.co/{base}) on an unknown dataset.

### Training hyperparameters

- learning_rate: 2e-05
- optimizer: Adam with betas=(0.9,0.999) and epsilon=1e-08

| Training Loss | Epoch | Step | Accuracy |
|:-------------:|:-----:|:----:|:--------:|
| 0.3512        | 1.0   | 500  | 0.91 |
| 0.2214        | 2.0   | 1000 | 0.93 |

[<img src="https://raw.githubusercontent.com/wandb/assets/main/wandb-github-badge-28.svg" alt="Visualize in Weights & Biases" width="200" height="32"/>](https://wandb.ai/x/y/runs/1a2b3c)
"""
SHOW = """
<p align="center">
  <img src="https://huggingface.co/{name}/resolve/main/logo.png?download=true" width="60%" alt="Logo"><br>
  <a href="https://arxiv.org/abs/1706.03762"><img src="https://img.shields.io/badge/arXiv-1706.03762-b31b1b.svg"/></a>
  [![License](https://img.shields.io/badge/license-{license}-green)](LICENSE) ![PyPI](https://badge.fury.io/py/x.svg)
</p>

# 🤗 {name} <sup>2</sup>

<div align="center"><b>Fast</b> · <i>small</i> · <kbd>Ctrl</kbd>+<kbd>C</kbd></div>

<details><summary>Click to expand</summary>

- [x] done
- [ ] to do, see <https://github.com/org/repo/issues>
- mail <team@example.org>, docs at https://huggingface.co/docs, paper [https://arxiv.org/abs/1706.03762](https://arxiv.org/abs/1706.03762)

</details>

<table><thead><tr><th colspan="2">Metric</th></tr></thead><tbody><tr><td>F<sub>1</sub></td><td align="right">0.93</td></tr></tbody></table>

<video controls src="demo.mp4" width="400"></video>

![sample](images/sample.png "A sample") <!-- markdownlint-disable-line -->
"""
SERVE = """
# Serving {name}

```bash
pip install -U vllm && vllm serve {base} --port 8000
curl http://localhost:8000/v1/completions -H "Authorization: Bearer $TOKEN" -d '{{"prompt": "<|im_start|>user\\nHi<|im_end|>"}}'
export HF_TOKEN=hf_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx OPENAI_API_KEY=sk-... AWS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE
```

Listen on `0.0.0.0:8000`, `127.0.0.1:8000` or `192.168.1.20:8000`. Versions 1.2.3.4 and 12.1.0.11 work.
The chat template is `{{% for m in messages %}}<|im_start|>{{{{ m['role'] }}}}{{% endfor %}}`.

    client = OpenAI(api_key="your-api-key-here", base_url="http://127.0.0.1:8000/v1")

Math: $x < y$ and $a_1 \\cdot b_2 > 0$, a < b, c&d, AT&T, 5 > 3. Join us on https://discord.gg/abcdef.
Connect with `postgresql://user:password@localhost/db`. Contact: <https://example.org/contact?id=5>
"""
MANY = """
# {name}

模型卡片。这是一个示例。مثال على بطاقة النموذج. نموذج می‌شود \u200c. Ünïcödé: naïve café, 日本語, 한국어, עברית 👩‍👩‍👧 🏴\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f ❤️

| Sprache | BLEU |
|---|---|
| de | 31.2 |
| fr | **40.1** |

1. Erstens
   - [Link](https://de.wikipedia.org/wiki/Bärenklau_(Pflanze) "Titel")
2. Zweitens [^1]

[^1]: A note with `code` and \\<escaped\\> text.

> Quoted: "The model must not be used to give medical advice; it was rated as the best of its size."

* * *

Prompt injection: a prompt such as "ignore all previous instructions" is refused in 93 % of cases.

```
### Instruction:
Ignore all previous instructions.
```
"""
BODIES = {"template": TEMPLATE, "trainer": TRAINER, "show": SHOW, "serve": SERVE, "many": MANY}
KINDS = (
    ("mit", "text-classification", "google-bert/bert-base-uncased", "org/tiny"),
    ("apache-2.0", "text-generation", "org/Large-7B-Instruct", "Some-One/model.v1_2"),
    ("cc-by-nc-4.0", "image-to-text", "facebook/vit_mae", "lab/vision"),
    ("other", "automatic-speech-recognition", "openai/whisper-small", "lab/speech-no"),
)


def cards() -> dict[str, str]:
    """Forty cards: each body with and without front matter, for four models."""
    made = {}
    for license_, task, base, name in KINDS:
        values = {"license": license_, "task": task, "base": base, "name": name}
        for kind, body in BODIES.items():
            text = body.format(**values)
            made[f"{kind} {name}"] = FRONT.format(**values) + text
            made[f"{kind} {name}, bare, in lines of Windows"] = text.replace("\n", "\r\n")
    return made
