"""Executables that stand in for engines: they print what the real ones printed, recorded from runs of the versions named.

`@MODEL@` in an answer is replaced by where the engine sees the model: the first absolute path among its arguments that
is not one of its own.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_SCRIPT = """#!/bin/sh
previous=
for word do
  case $previous in
    --output-file|--json-output) file=$word ;;
    --settings-file|--config) ;;
    *) case $word in /*) model=${{model:-$word}} ;; esac ;;
  esac
  previous=$word
done
{before}
if [ -n "$file" ]; then exec 3> "$file"; else exec 3>&1; fi
sed "s#@MODEL@#$model#g" < "$(dirname "$0")/answer" >&3
sed "s#@MODEL@#$model#g" < "$(dirname "$0")/messages" >&2
exit {status}
"""


def stand_in(folder: Path, *, out: str = "", err: str = "", status: int = 0, before: str = "") -> str:
    """A program in a folder of its own; `before` is shell that runs before it answers."""
    programs = folder / "bin"
    programs.mkdir(parents=True)
    for name, text in (("answer", out), ("messages", err)):
        (programs / name).write_text(text)
    program = programs / "engine"
    program.write_text(_SCRIPT.format(before=before, status=status))
    folder.chmod(0o755)
    programs.chmod(0o755)
    program.chmod(0o755)
    return str(program)


PICKLESCAN_SUMMARY = """----------- SCAN SUMMARY -----------
Scanned files: 4
Infected files: 2
Suspicious globals: 0
Dangerous globals: 2
"""
PICKLESCAN_FOUND = f"""@MODEL@/net.pt:net/data.pkl: dangerous import 'posix system' FOUND
@MODEL@/evil.pkl: dangerous import 'posix system' FOUND
{PICKLESCAN_SUMMARY}"""
PICKLESCAN_UNREAD = "WARNING: could not parse @MODEL@/cut.pkl as pickle: not enough data in stream to read uint1\n"

FICKLING_FOUND = json.dumps(
    {
        "severity": "LIKELY_OVERTLY_MALICIOUS",
        "analysis": "`from posix import system` is suspicious and indicative of an overtly malicious pickle file\n"
        "Variable `_var0` is assigned value `system('echo inert')` but unused afterward",
        "detailed_results": {"AnalysisResult": {"UnsafeImports": "from posix import system"}},
    },
    indent=4,
)
FICKLING_CLEAN = json.dumps(
    {
        "severity": "LIKELY_SAFE",
        "analysis": "Warning: Fickling failed to detect any overtly unsafe code,but the pickle file may still be unsafe."
        "Do not unpickle this file if it is from an untrusted source!\n\n",
        "detailed_results": {},
    },
    indent=4,
)


def modelscan(issues: bool, errors: bool, scanned: int = 3) -> str:
    issue = {
        "description": "Use of unsafe operator 'system' from module 'posix'",
        "operator": "system",
        "module": "posix",
        "scanner": "modelscan.scanners.PickleUnsafeOpScan",
        "severity": "CRITICAL",
    }
    error = {
        "category": "PICKLE_GENOPS",
        "description": "Parsing error: not enough data in stream to read uint1",
        "source": "cut.pkl",
    }
    sources = ("net.pt:net/data.pkl", "evil.pkl") if issues else ()
    return json.dumps(
        {
            "summary": {
                "total_issues_by_severity": {"LOW": 0, "MEDIUM": 0, "HIGH": 0, "CRITICAL": len(sources)},
                "total_issues": len(sources),
                "input_path": "@MODEL@",
                "absolute_path": "@MODEL@",
                "modelscan_version": "0.8.8",
                "timestamp": "2026-11-29T19:17:37.027541",
                "scanned": {"total_scanned": scanned, "scanned_files": ["evil.pkl"]},
            },
            "issues": [{**issue, "source": source} for source in sources],
            "errors": [error] if errors else [],
        }
    )


def modelaudit(issues: bool, incomplete: bool) -> str:
    said = {
        "message": "Found REDUCE opcode invoking dangerous global: posix.system",
        "severity": "critical",
        "location": "@MODEL@/net.pt:net/data.pkl (pos 38)",
        "details": {"pickle_source": "@MODEL@/net.pt:net/data.pkl", "opcode": "REDUCE", "opcode_position": 38},
        "why": "The 'posix' module provides direct access to POSIX system calls on Unix-like systems.",
        "timestamp": 1795979859.6370487,
        "type": "pickle_check",
        "rule_code": "S201",
    }
    stopped = {
        "message": "Pickle parsing failed before full scan completion",
        "severity": "warning",
        "location": "@MODEL@/cut.pkl (pos 12)",
        "details": {"category": "parse_error", "parsing_failed": True, "analysis_incomplete": True},
        "timestamp": 1795979859.5924923,
        "type": "pickle_check",
        "rule_code": "S901",
    }
    return json.dumps(
        {
            "bytes_scanned": 330,
            "issues": [*([said] if issues else []), *([stopped] if incomplete else [])],
            "checks": [],
            "files_scanned": 6,
            "assets": [],
            "has_errors": False,
            "scanner_names": ["pickle", "pytorch_zip", "text"],
            "file_metadata": {},
            "total_checks": 54,
            "success": False,
        },
        indent=2,
    )


def nbdefense(found: bool) -> str:
    issue = {
        "code": "SECRETS",
        "severity": "CRITICAL",
        "cell": {"cell_index": 0, "cell_type": "SOURCE", "scrubbed_content": "key = '******'\nimport os"},
        "line_index": 0,
        "location": "INPUT",
        "character_start_index": 7,
        "character_end_index": 27,
        "details": {"description": "AWS Access Key", "summary_field": None},
    }
    return json.dumps(
        {
            "root": "@MODEL@",
            "root_issues": [],
            "plugins": [{"name": "Secrets Plugin", "settings": {"enabled": True}}],
            "notebooks": ["@MODEL@/a.ipynb"],
            "notebook_issues": [{"path": "@MODEL@/a.ipynb", "issues": [issue] if found else []}],
        }
    )


NBDEFENSE_UNREAD = "root - Notebook does not appear to be JSON: '{\"cells\": ['...\n"


def semgrep(found: bool, errors: bool = False, scanned: bool = True) -> str:
    result = {
        "check_id": "read.rules.semgrep.process-on-import",
        "path": "@MODEL@",
        "start": {"line": 5, "col": 1, "offset": 78},
        "end": {"line": 5, "col": 24, "offset": 101},
        "extra": {
            "message": "A program is started as soon as this file is imported.",
            "metadata": {
                "category": "security",
                "weighbridge-severity": "critical",
                "cwe": "CWE-506: Embedded Malicious Code",
            },
            "severity": "ERROR",
            "fingerprint": "requires login",
            "lines": "requires login",
            "engine_kind": "OSS",
        },
    }
    error = {"code": 3, "level": "warn", "type": "PartialParsing", "message": "Syntax error", "path": "@MODEL@"}
    return json.dumps(
        {
            "version": "1.185.0",
            "results": [result] if found else [],
            "errors": [error] if errors else [],
            "paths": {"scanned": ["@MODEL@"] if scanned else []},
            "engine_requested": "OSS",
            "skipped_rules": [],
        }
    )


def yara(found: bool, errors: bool = False) -> str:
    match = {
        "path": "@MODEL@/readme.txt",
        "rule": "marker",
        "namespace": "default",
        "tags": [],
        "meta": {"severity": "medium", "description": "a marker"},
        "pattern": "$a",
        "offset": 6,
        "length": 11,
    }
    return json.dumps(
        {
            "files": 5,
            "matches": [match] if found else [],
            "errors": ["cut.pkl: TimeoutError: timeout"] if errors else [],
        }
    )
