"""Decisions by eight processes at once, and how long one takes for a model that is at hand.

    python bench/decisions.py                # 10,000 decisions by 8 processes (about two minutes)
    python bench/decisions.py --count 800    # fewer

Each process asks gate two about the same model of a layout folder, as a server would: settings, knowledge and rules
are loaded once, everything else is read anew each time. Told are the medians of one process alone and of eight
together, the ratio of a decision to the mark of 50 ms, and whether the log is whole with every decision in it.
Status 1: one was lost.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

MARK = 0.050
"""Seconds that a decision on a model at hand may take."""
CLIENT = """
import json, sys, time
from weighbridge.core.settings import load_settings
from weighbridge.pipelines.gate_two import open_gate, signing_key
settings = load_settings("weighbridge.toml", {})
gate = open_gate(settings, signer=signing_key(settings))
took, kept = [], []
for _ in range(int(sys.argv[1])):
    began = time.perf_counter()
    decision, _case = gate.admit("net:v1", "production")
    took.append(time.perf_counter() - began)
    kept.append((decision.recorded.sequence, decision.recorded.hash, decision.allowed))
print(json.dumps({"took": took, "kept": kept}))
"""


def clients(folder: str, processes: int, each: int) -> tuple[list[float], list[list[object]], float]:
    """Run the clients; seconds of every decision, every place in the log, and the seconds of all together."""
    began = time.perf_counter()
    running = [
        subprocess.Popen([sys.executable, "-c", CLIENT, str(each)], cwd=folder, stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    answers = [json.loads(process.communicate()[0]) for process in running]
    spent = time.perf_counter() - began
    return [t for one in answers for t in one["took"]], [k for one in answers for k in one["kept"]], spent


def main() -> int:
    """Measure, and prove the log."""
    parser = argparse.ArgumentParser(description="Decisions at once, and how long one takes.")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--processes", type=int, default=8)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(os.path.join(folder, "net"))
        with open(os.path.join(folder, "net", "config.json"), "w", encoding="utf-8") as file:
            file.write('{"model_type": "net", "architectures": ["Net"]}')
        for words in (["init"], ["intake", "net", "--stage", "production", "--to", "oci:registry:net:v1"]):
            command = [sys.executable, "-m", "weighbridge", *words]
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        alone, before, _ = clients(folder, 1, 50)
        together, kept, spent = clients(folder, options.processes, options.count // options.processes)
        verify = [sys.executable, "-m", "weighbridge", "decisions", "verify", "--format", "json"]
        found = json.loads(subprocess.run(verify, cwd=folder, check=False, capture_output=True, text=True).stdout)
    lost = found["entries"] - len(kept) - len(before)
    one, many = statistics.median(alone[5:]), statistics.median(together)
    print(f"one process:    {one * 1000:6.1f} ms a decision, {one / MARK:.2f} of the mark")
    print(f"{options.processes} processes:    {many * 1000:6.1f} ms a decision, {len(kept) / spent:.0f} a second")
    print(f"{len(kept)} decisions, all allowed: {all(allowed for *_, allowed in kept)}")
    different = len({digest for _, digest, _ in kept})
    print(f"log whole: {found['whole']}, entries {found['entries']}, lost {lost}, different {different}")
    return 0 if found["whole"] and not lost and different == len(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
