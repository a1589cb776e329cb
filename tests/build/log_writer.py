"""A process that appends to a log of decisions and says on its standard output what was acknowledged."""

from __future__ import annotations

import sys
import time

from build.keys import signer
from weighbridge.index.log import open_log
from weighbridge.pipelines.log_heads import seal_head


def main(address: str, name: str, count: int) -> None:
    key = signer()
    log = open_log(address, create=True, seal=lambda head: seal_head(head, key))
    for number in range(count):
        head = log.append({"by": name, "number": number}, lambda head: seal_head(head, key))
        sys.stdout.write(f"{head.sequence} {head.hash}\n")
        sys.stdout.flush()
        time.sleep(0.001)  # as much as any client does between two decisions, so that others have their turn


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
