"""A program that starts one intake after the other, each in a process of its own that somebody else kills.

For each line `REFERENCE` on its input it forks, writes the child's process id, and then how the child ended. All modules are
loaded before, so that a child begins with the intake itself.
"""

from __future__ import annotations

import os
import sys


def main(source: str) -> None:
    from huggingface_hub import HfApi, constants, file_download  # noqa: F401 -- loaded for the children

    import weighbridge.cli.intake
    import weighbridge.registry.publish
    import weighbridge.sources.hub  # noqa: F401
    from weighbridge.cli.main import run

    constants.DOWNLOAD_CHUNK_SIZE = 4096
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            nothing = os.open(os.devnull, os.O_RDWR)
            os.dup2(nothing, 1)
            os._exit(run(["intake", source, "--to", line.strip(), "--stage", "sandbox"]))
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1])
