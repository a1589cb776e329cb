"""The limits that nobody can beat, as commands to measure beside ours: hash a file; hash it and copy it.

python limits.py sha256 FILE
python limits.py copy FILE TARGET
"""

import hashlib
import sys

BLOCK = 1024 * 1024


def main(arguments: list[str]) -> None:
    digest = hashlib.sha256()
    block = memoryview(bytearray(BLOCK))
    out = open(arguments[2], "wb", buffering=0) if arguments[0] == "copy" else None  # noqa: SIM115 -- ends with the process
    with open(arguments[1], "rb", buffering=0) as file:
        while size := file.readinto(block):
            digest.update(block[:size])
            if out:
                out.write(block[:size])
    print(digest.hexdigest())


main(sys.argv[1:])
