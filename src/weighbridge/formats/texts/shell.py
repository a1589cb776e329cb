"""What a command line for a shell does, as far as its words say. Nothing is run and no variable is expanded.

Traits: `runs-download` (what was fetched is run), `remote-shell`, `decoded` (what was decoded is run), `computed` (the
program itself is put together), `sends-secrets`, `secrets`, `sends`, `persists`, `installs`, `installs-from` (from an
address that is not the index), `downloads`, `runs-file`, `inline-code`, `deletes`, `raises` (sudo, permissions),
`background`; `known` if every program in it only looks at things or moves files of its own.
"""

from __future__ import annotations

import itertools
import re
from functools import cache

WINDOW, OVERLAP = 8192, 1024
"""Characters of a script that are looked at at a time, and how many of them twice."""
_INTERPRETER = (
    r"(?:[({]\s*)?(?:(?:sudo|doas|env|nohup|exec|command|builtin|busybox|time|nice|setsid|stdbuf)\s+(?:-\S+\s+){0,5}){0,4}"
    r"(?:/\S*/)?"
    r"(?:(?:ba|z|da|k|c|fi|a)?sh|python[\d.]*|perl|ruby|node|php|iex|pwsh|powershell)\b"
)
_FETCH = r"(?:curl|wget|fetch|aria2c|lwp-request|http|iwr|irm|invoke-webrequest|invoke-restmethod|ftp)"
_DECODE = (
    r"(?:base64\s+(?:-\w*[dD]|--decode)|xxd\s+-\w*r|openssl\s+(?:enc|base64)\b[^|;&]{0,80}-d"
    r"|uudecode|gunzip|zcat|rev\b|tr\s)"
)
_GIVES_ACCESS = (
    r"\.ssh\b|\.aws\b|\.azure\b|\.kube/config|\.netrc|\.docker/config|huggingface/token|/proc/\w+/environ|/etc/shadow|"
    r"/var/run/secrets|\.git-credentials|\.pypirc|id_rsa|id_ed25519|169\.254\.169\.254|168\.63\.129\.16|"
    r"metadata\.google\.internal|IDENTITY_ENDPOINT|MSI_ENDPOINT|/metadata/identity|\$\(\s*(?:env|printenv)\s*\)"
)


_RUN = rf"\b{_INTERPRETER}\s+(?:-\w+\s+){{0,5}}|\beval\s+|\bsource\s+|(?:^|[;&|]\s*)\.\s+"
"""What runs the text or the file that follows."""


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    # Every repetition has a bound: the cost of a window is then a constant for each of its characters.
    table = (
        (
            "runs-download",
            (
                rf"\b(?:{_FETCH}|openssl\s+s_client|nc|ncat|netcat|telnet)\b[^\n]{{0,500}}?"
                rf"\|&?\s*(?:\w+\s[^|\n]{{0,80}}\|\s*)?(?:{_INTERPRETER}|xargs\b[^\n|]{{0,100}}\w?sh\s+-c\b)"
                rf"|(?:{_RUN})(?:/dev/stdin\s+)?(?:<{{1,3}}\s*)?[\"']?(?:<\(|\$\(|`)\s*{_FETCH}\b"
                r"|\s-[ce]\s(?=[^\n]{0,400}\b(?:exec|eval|system)\b)(?=[^\n]{0,400}(?:\burlopen|\brequests\.|https?://))"
                r"|\biex\b[^\n]{0,200}(?:downloadstring|iwr|irm|webrequest)|downloadstring[^\n]{0,300}\|\s*iex"
            ),
        ),
        (
            "remote-shell",
            (
                r"/dev/(?:tcp|udp)/|\b(?:nc|ncat|netcat)\b[^\n|;]{0,200}\s-\w{0,5}[ec]\b|\bsocat\b[^\n]{0,300}\bexec\b"
                r"|\bbash\s+-\w{0,5}i\b[^\n]{0,100}[<>]&|\bmkfifo\b[^\n]{0,300}\b(?:nc|ncat|netcat|telnet|openssl)\b"
                r"|\bsocket\b[^\n]{0,500}\b(?:dup2|pty\.spawn|subprocess)\b|\b(?:ngrok|cloudflared|localtunnel)\b"
                r"|\bssh\b[^\n]{0,200}\s-\w{0,5}R\b|\bxmrig\b|stratum\+tcp"
            ),
        ),
        (
            "decoded",
            (
                rf"\b{_DECODE}[^\n]{{0,300}}?\|\s*{_INTERPRETER}|(?:{_RUN})[\"']?(?:<\(|\$\(|`)[^\n)`]{{0,300}}{_DECODE}"
                r"|\s-(?:enc|encodedcommand|e)\s+[A-Za-z0-9+/=]{16}|\bprintf\b[^\n]{0,300}\\x[^\n]{0,300}\|\s*\w{0,4}sh\b"
            ),
        ),
        ("secrets", _GIVES_ACCESS),
        (
            "sends",
            (
                r"\bcurl\b[^\n|;]{0,500}\s(?:-[a-zA-Z]{0,5}[dFT]|--data[\w-]{0,20}|--form|--upload-file|--json)\b"
                r"|\bwget\b[^\n|;]{0,500}--(?:post|body)-|\b(?:nc|ncat|netcat)\b[^\n|;]{0,200}\s\d{1,6}\s*<"
                r"|\|\s*(?:nc|ncat|netcat|curl|telnet)\b|\b(?:scp|rsync|sftp|rclone)\b[^\n]{0,300}\S:"
                r"|\b(?:dig|nslookup)\b[^\n]{0,200}\$\("
            ),
        ),
        (
            "persists",
            (
                r"\bcrontab\b|/etc/(?:cron|systemd|init|profile|ld\.so|rc\.local)|\bsystemctl\s+(?:--user\s+)?enable"
                r"|authorized_keys|site-packages|sitecustomize|usercustomize|>>?\s*\S{0,200}\.pth\b"
                r"|>>?\s*\S{0,200}\.(?:bashrc|bash_profile|profile|zshrc|zshenv)\b|\.config/autostart|LaunchAgents"
                r"|\bschtasks\b|\breg\s+add\b|\.ipython/profile|jupyter_\w{0,40}config|\bLD_PRELOAD=|\.git/hooks"
            ),
        ),
        (
            "installs",
            (
                r"\b(?:pip[\d.]*|uv|poetry|pipenv|conda|mamba|micromamba|apt|apt-get|aptitude|yum|dnf|apk|brew|snap|npm|yarn|pnpm"
                r"|gem|cargo|go|dpkg|R\s+CMD)\s+(?:pip\s+)?(?:-\S{1,40}\s+){0,8}(?:install|add|i|env\s+(?:create|update)|get)\b"
                r"|\bdpkg\s+-i\b|\beasy_install\b"
            ),
        ),
        (
            "installs-from",
            (
                r"\b(?:install|add)\b[^\n;&|]{0,500}(?:\bgit\+|\b(?:https?|ftp|file)://|--(?:extra-)?index-url|\s-i\s"
                r"|--trusted-host|--find-links|\s-f\s)"
            ),
        ),
        (
            "downloads",
            rf"\b(?:{_FETCH}|git\s+clone|gdown|kaggle|hf|huggingface-cli|gsutil|aws\s+s3|azcopy|svn|hg)\b",
        ),
        ("inline-code", rf"\b{_INTERPRETER}\s+(?:-\w+\s+){{0,5}}-\w{{0,5}}[ce]\b|<<-?\s*[\"']?\w+"),
        (
            "deletes",
            (
                r"\brm\s+(?:-\S+\s+){0,5}-\w{0,5}[rR]\w{0,5}\s+(?:-\S+\s+){0,5}(?:/(?:\s|$|\*)|~|\$HOME|/(?:etc|usr|home|var|root)\b)"
                r"|\bmkfs|\bdd\s[^\n]{0,200}of=/dev"
            ),
        ),
        (
            "raises",
            r"(?:^|[;&|(]\s*)(?:sudo|su|doas)\b|\bchmod\s+[^\n;&|]{0,100}?(?:\+\w{0,5}[xs]|[4-7]?7[0-7][0-7])|\bsetcap\b",
        ),
        ("background", r"\b(?:nohup|setsid|disown|screen\s+-dm|tmux\s+new)\b|(?<!&)&\s*$"),
        ("computed", r"\$\{?IFS|\$'\\|\beval\s+[\"'$`]|\\x[0-9a-fA-F]{2}\\x"),
    )
    return tuple((name, re.compile(pattern, re.IGNORECASE | re.MULTILINE)) for name, pattern in table)


KNOWN = frozenset(
    """nvidia-smi rocm-smi ls ll dir pwd cd mkdir echo printf cat head tail less more wc sort uniq cut du df free
    lscpu lsb_release uname hostname whoami id date time which whereis type tree find grep egrep zgrep sed awk
    diff cmp file stat nproc top htop ps cp mv touch rm rmdir ln unzip zip tar gzip gunzip 7z unrar clear sleep
    true false test [ [[ set export unset pip pip3 conda mamba apt apt-get apt-cache git git-lfs wget curl gdown
    kaggle tensorboard wandb md5sum sha256sum sha1sum lspci lsusb ffmpeg ffprobe convert identify jq nvcc cmake
    make jupyter nbstripout papermill huggingface-cli hf gsutil gcloud az aws azcopy nvtop accelerate deepspeed
    torchrun transformers-cli optimum-cli pytest black ruff flake8 mypy pylint uv npm yarn rsync xargs tee seq
    for do done if then else fi while in ! { } ( )""".split()  # noqa: SIM905 -- words read better than a list of them
)
"""Programs that notebooks ordinarily start; what they do with addresses and files is said by the traits."""
_PYTHON = re.compile(r"(?:\S*/)?(?:python[\d.]*|pypy[\d.]*|\{sys\.executable\})", re.IGNORECASE)
_SHELLS = re.compile(r"(?:\S*/)?(?:(?:ba|z|da|k)?sh|source|\.|perl|ruby|node|Rscript|julia|java|php)")
_MODULES = ("pip", "venv", "ensurepip", "ipykernel", "spacy", "nltk.downloader")
"""Modules that are run with `-m` and install or set up what they say."""
_BEFORE = frozenset("sudo env time nohup exec command builtin do then else if while until !".split())  # noqa: SIM905 -- as above
"""Words that a command may begin with before the program is named."""
_SPELT = re.compile(r"\w(?:''|\"\"|[\"']\w|\\\w)")
"""A name with quotes or backslashes in it that mean nothing but to hide it."""
_PARTS = re.compile(r"\n|&&|\|\||[;|&]")


def shell_traits(text: str) -> tuple[str, ...]:
    """What the command lines in `text` do, the worst first."""
    text = re.sub(r"(?<=\S)\\\n(?=\S)", "", text).replace("\\\n", " ")
    found = {
        name
        for start in range(0, max(1, len(text)), WINDOW)
        for name, pattern in _patterns()
        if pattern.search(text, start, start + WINDOW + OVERLAP)
    }
    if _runs_what_it_fetched(text):
        found.add("runs-download")
    worst = ["sends-secrets"] if "secrets" in found and found & {"sends", "downloads"} else []
    ordered = worst + [name for name, _ in _patterns() if name in found]
    return tuple(dict.fromkeys(ordered + _programs(text)))


def _runs_what_it_fetched(text: str) -> bool:
    """`wget https://host/x.sh; sh x.sh`, over several lines too."""
    fetched: set[str] = set()
    for part in _PARTS.split(text):
        words = [word.strip("\"'") for word in part.split()]
        if any(re.fullmatch(_FETCH, word, re.IGNORECASE) for word in words[:3]):
            fetched.update(word.split("?")[0].rpartition("/")[2] for word in words if "/" in word)
            fetched.update(
                after.rpartition("/")[2]
                for word, after in itertools.pairwise(words)
                if word in (">", "--output", "--output-document") or re.fullmatch(r"-\w{0,5}[oO]", word)
            )
        elif fetched and words:
            runs = re.fullmatch(_INTERPRETER, words[0], re.IGNORECASE) or words[0] in ("chmod", "source", ".", "sudo")
            named = words[1:] if runs else words[:1] if words[0].startswith(("./", "/", "~")) else ()
            if any(word.rpartition("/")[2] in fetched for word in named if not word.startswith("-")):
                return True
    return False


def _programs(text: str) -> list[str]:
    """Traits of the programs that the command lines start."""
    found: list[str] = []
    known = True
    for part in _PARTS.split(_without_quotes(text)):
        words = re.sub(r"^(?:\s|\(|\{(?=\s))+", "", part).split()
        while words and (re.fullmatch(r"\w+=\S*", words[0]) or words[0] in _BEFORE):
            words.pop(0)
        if not words or words[0].startswith("#"):
            continue
        program = words[0]
        if _PYTHON.fullmatch(program):
            module = words[2] if len(words) > 2 and words[1] == "-m" else ""
            if module not in _MODULES and len(words) > 1 and words[1] not in ("-V", "--version", "-c"):
                found.append("runs-file")
        elif _SHELLS.fullmatch(program) or program.startswith(("./", "../", "/", "~")):
            found.append("runs-file")
            known = known and _SHELLS.fullmatch(program) is not None
        elif (program[0] in "$`{\"'" or _SPELT.search(program)) and not program.startswith("{sys.executable}"):
            found.append("computed")
        elif program not in KNOWN:
            known = False
    if known and "computed" not in found:
        found.append("known")
    return found


def _without_quotes(text: str) -> str:
    """Quoted texts that do not begin a command, and what stands between braces, without what would part commands."""
    return re.sub(
        r"(?<=[\s=(])(\"[^\"\n]*\"|'[^'\n]*')|\{[^{}\n]*\}", lambda match: re.sub(r"[;|&\n]", " ", match[0]), text
    )
