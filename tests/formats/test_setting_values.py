"""Values of settings that lead out of the model or deceive, in JSON, YAML, TOML and lines; words stay quiet."""

from __future__ import annotations

import json
import sys
import tomllib
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest

from build.inspecting import inspected, rules_of, scanned
from weighbridge.core.findings import Severity, Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from weighbridge.scan.report import ScanReport

HOME = "/" + "home/ada"
LEADS = {
    "a home": ("_name_or_path", f"{HOME}/models/base", "config/machine-path", "info"),
    "a home of Windows": ("_name_or_path", "C:\\Users\\ada\\base", "config/machine-path", "info"),
    "a home that a loader opens": ("tokenizer_file", f"{HOME}/tokenizer.json", "config/machine-path", "info"),
    "a place of a machine": ("model_name_or_path", "/data/models/base", "config/machine-path", "info"),
    "a file that is loaded": ("vocab_file", "/mnt/models/vocab.txt", "config/machine-path", "low"),
    "a file of the system": ("vocab_file", "/etc/shadow", "config/machine-path", "high"),
    "a file of keys": ("data", "~/.ssh/id_rsa", "config/machine-path", "high"),
    "a share": ("vocab_file", "\\\\host\\share\\vocab.txt", "config/machine-path", "high"),
    "a file by its scheme": ("weights", "file:///srv/x.bin", "config/machine-path", "medium"),
    "a path that climbs": ("dataset", "../../data", "config/climbing-path", "low"),
    "a path that climbs and is loaded": ("vocab_file", "../shared/vocab.txt", "config/climbing-path", "medium"),
    "a path that climbs behind a folder": ("dataset", "a/../../data", "config/climbing-path", "low"),
    "a path that climbs to the system": ("dataset", "../../../etc/passwd", "config/climbing-path", "high"),
    "an address": ("homepage", "https://models.somebody.dev", "config/address", "info"),
    "weights from elsewhere": ("weights_url", "https://models.somebody.dev/net.bin", "config/address", "low"),
    "weights without encryption": ("weights_url", "http://models.somebody.dev/net.bin", "config/address", "medium"),
    "an endpoint": ("hf_endpoint", "https://mirror.somebody.dev", "config/address", "medium"),
    "a command as an address": ("repository", "ext::sh -c id", "config/address", "high"),
    "a turned name": ("architecture", "net\u202egpj.yp", "config/deceiving-marks", "high"),
    "an unseen letter": ("module", "mod\u200beling.net", "config/deceiving-marks", "high"),
    "a turned sentence": ("hint", "see \u202ethe others", "config/deceiving-marks", "low"),
}
QUIET = {
    "a name": ("_name_or_path", "org/base"),
    "a file": ("vocab_file", "vocab.txt"),
    "a folder": ("data", "data/train/../test"),
    "a hub": ("homepage", "https://huggingface.co/org/base"),
    "a paper": ("url", "https://arxiv.org/abs/1706.03762"),
    "a route": ("route", "/v1/chat/completions"),
    "a sentence": ("hint", f"see {HOME} for more, or ../x"),
    "a language": ("hint", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"),
    "an emoji": ("hint", "👩\u200d🔬"),
    "a label": ("label", "../x"),
}


def written(form: str, key: str, value: str) -> bytes:
    if form == "json":
        text = json.dumps({key: value}, ensure_ascii=False)
    elif form == "escaped.json":
        text = json.dumps({key: value})
    elif form == "yaml":
        text = f"{json.dumps(key)}: {json.dumps(value)}\n"
    elif form == "toml":
        text = f"{json.dumps(key)} = {json.dumps(value, ensure_ascii=False)}\n"
        assert tomllib.loads(text) == {key: value}
    else:
        text = f"[x]\n{key} = {value}\n"
    return text.encode()


FORMS = ("json", "escaped.json", "yaml", "toml", "ini")


def severities(report: ScanReport, rule: str) -> set[str]:
    return {found.severity.value for found in report.findings if found.rule == rule}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", LEADS)
def test_what_leads_out_is_told(tmp_path: Path, case: str, form: str) -> None:
    key, value, rule, severity = LEADS[case]
    report = scanned(tmp_path, f"settings.{form}", written(form, key, value))
    told = [(found.rule, found.severity.value, found.evidence.text) for found in report.findings]
    assert severities(report, rule) == {severity}, told


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", QUIET)
def test_what_is_ordinary_is_not(tmp_path: Path, case: str, form: str) -> None:
    report = scanned(tmp_path, f"settings.{form}", written(form, *QUIET[case]))
    assert report.verdict is Verdict.CLEAN
    assert not rules_of(report)


def test_the_name_of_the_user_is_said(tmp_path: Path) -> None:
    report = scanned(tmp_path, "config.json", json.dumps({"_name_or_path": f"{HOME}/base"}).encode())
    assert "the name of the user 'ada'" in report.findings[0].evidence.text


def test_a_path_that_stays_in_the_model_is_quiet(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "config.json").write_text('{"vocab_file": "../vocab.txt"}')
    assert not rules_of(inspected(tmp_path).report)
    (tmp_path / "a" / "config.json").write_text('{"vocab_file": "../../vocab.txt"}')
    assert rules_of(inspected(tmp_path).report) == {"config/climbing-path"}


@pytest.mark.parametrize("key", ["auto\u200b_map", "\u202epam_otua", "trust\u2060_remote_code"])
@pytest.mark.parametrize("form", ["json", "yaml"])
def test_a_key_that_deceives_needs_a_person(tmp_path: Path, key: str, form: str) -> None:
    report = scanned(tmp_path, f"config.{form}", written(form, key, "x"))
    assert "config/deceiving-marks" in rules_of(report)
    assert report.verdict is Verdict.SUSPICIOUS


def every_character() -> dict[str, int]:
    """A vocabulary of every character there is, as byte-level and multilingual tokenizers have them, and of paths."""
    words = [
        chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) not in ("Cs", "Cn", "Co")
    ]
    words += [f"a{word}" for word in words[:4000]] + [
        "/usr/bin/",
        "../",
        "../../",
        "http://",
        "C:\\",
        f"{HOME}/y",
        "\u202eabc",
    ]
    return {word: index for index, word in enumerate(dict.fromkeys(words))}


def documents() -> dict[str, Any]:
    vocab = every_character()
    words = list(vocab)
    marks = [word for word in words if unicodedata.category(word[-1]) == "Cf"] + ["../../x", f"{HOME}/x", "\u202eabc"]
    return {
        "vocab.json": vocab,
        "tokenizer.json": {
            "added_tokens": [{"id": index, "content": word} for index, word in enumerate(marks)],
            "model": {"type": "BPE", "vocab": vocab, "merges": [f"{word} {word}" for word in words[:3000]]},
        },
        "unigram.json": {"model": {"vocab": [[word, -1.0] for word in words]}},
        "added_tokens.json": {word: index for index, word in enumerate(marks)},
        "special_tokens_map.json": {"additional_special_tokens": marks},
        "tokenizer_config.json": {
            "added_tokens_decoder": {str(index): {"content": word} for index, word in enumerate(marks)},
            "chat_template": "{{ '\u200f' }}{{ messages[0].content }}",
            "bos_token": "\u200b",
        },
        "config.json": {
            "id2label": {str(index): word for index, word in enumerate(marks)},
            "label2id": {word: index for index, word in enumerate(marks)},
        },
        "chat.json": [{"messages": [{"role": "user", "content": word} for word in marks]}],
        "dictionary.json": {word: word for word in words[:2000]},
    }


@pytest.mark.parametrize("name", documents())
def test_words_are_words(tmp_path: Path, name: str) -> None:
    report = scanned(tmp_path, name, json.dumps(documents()[name], ensure_ascii=False).encode())
    told = [found for found in report.findings if found.severity is not Severity.INFO]
    assert not told, told[:3]
    assert not report.unread


def test_no_more_than_enough_is_told(tmp_path: Path) -> None:
    content = json.dumps({f"data_{index}": f"{HOME}/{index}" for index in range(1000)}).encode()
    assert len(scanned(tmp_path, "config.json", content).findings) == 64
