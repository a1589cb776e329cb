"""The rows of the benchmark: what is run, what it is measured against, and the marks it has to meet."""

from __future__ import annotations

from typing import NamedTuple

from corpus import Input

GIB = 1024**3
SCAN = ("scan", "{path}", "--format", "json")


class Against(NamedTuple):
    """What ours is compared with: a peer, a limit of the machine, or ours itself on another input (`smaller`).

    `mark`: the largest ratio of CPU seconds, ours over this, that is good enough; None if it is only shown.
    """

    name: str
    mark: float | None = None
    smaller: Input | None = None


class Row(NamedTuple):
    """One line of work. Marks: `cpu` in seconds, `memory` in MB.

    `verdict` is what the scan must say (`not clean`: anything else); an empty one is not looked at.
    """

    name: str
    title: str
    input: Input
    against: tuple[Against, ...] = ()
    command: tuple[str, ...] = SCAN
    cpu: float | None = None
    memory: float | None = None
    verdict: str = "clean"
    long: bool = False


TINY = Input("tiny-pickle", 1000, 1000)
FOLDER = Input("folder", 3000, 300)
DICT = Input("pickle-dict", 10_000_000, 500_000)
TUPLES = Input("pickle-tuples", 10_000_000, 500_000)
TENSORS = Input("safetensors", 2 * GIB, GIB // 10)
CHECKPOINT = Input("torch-zip", GIB, GIB // 20)

START = "python -c pass"
HASH = "SHA-256 limit"
COPY = "hash and copy"
OURSELVES = "ours, a tenth of it"

ROWS = (
    Row("start-up", "the whole of a scan, as a multiple of the interpreter's own start", TINY, (Against(START, 3.0),)),
    Row(
        "tiny-pickle",
        "1 KB pickle",
        TINY,
        (
            Against("picklescan", 0.6),
            Against("modelscan"),
            Against("fickling"),
            Against("modelaudit"),
            Against("model-signing"),
        ),
    ),
    Row(
        "forest",
        "random forest, pickle of 2.4 MB",
        Input("forest", 41, 41),
        (Against("picklescan", 0.6), Against("modelscan"), Against("fickling"), Against("modelaudit")),
    ),
    Row(
        "opcodes",
        "pickle of 10 M opcodes: dictionary of floats by name",
        DICT,
        (Against("picklescan", 1 / 20), Against("modelscan")),
        memory=150,
        long=True,
    ),
    Row(
        "opcodes-tuples",
        "pickle of 10 M opcodes: list of small tuples",
        TUPLES,
        (Against("picklescan", 1 / 20),),
        memory=150,
        long=True,
    ),
    Row(
        "folder",
        "folder of 3,000 small files; ours hashes every one",
        FOLDER,
        (Against("picklescan", 1.5), Against("modelaudit", 1 / 15), Against("modelscan"), Against("model-signing")),
    ),
    Row("tokenizer", "tokenizer.json of 5 MB", Input("tokenizer", 5_000_000, 500_000), cpu=0.3, memory=150),
    Row(
        "one-line",
        "Python source of 1 MB in one line",
        Input("one-line", 1_000_000, 100_000),
        cpu=5,
        memory=600,
        verdict="incomplete",
    ),
    Row(
        "safetensors",
        "2 GB safetensors: scan and hash in one read",
        TENSORS,
        (Against("model-signing", 0.65), Against(HASH, 1.3), Against("modelaudit")),
        memory=100,
        long=True,
    ),
    Row(
        "safetensors-sbom",
        "2 GB safetensors: scan, hash and SBOM in one read",
        TENSORS,
        (Against("model-signing", 0.65), Against(HASH, 1.3)),
        command=("sbom", "{path}"),
        memory=100,
        verdict="",
        long=True,
    ),
    Row(
        "torch-zip",
        "1 GB torch checkpoint: scan and hash in one read (picklescan reads its pickle alone)",
        CHECKPOINT,
        (Against(HASH, 1.3), Against("picklescan"), Against("model-signing"), Against("modelaudit")),
        memory=100,
        long=True,
    ),
    Row(
        "onnx",
        "200 MB ONNX",
        Input("onnx", 200_000_000, 20_000_000),
        (Against("modelaudit", 1 / 50), Against(HASH)),
        memory=100,
        long=True,
    ),
    Row(
        "gguf",
        "2 GB GGUF: scan and hash in one read",
        Input("gguf", 2 * GIB, GIB // 10),
        (Against(HASH, 1.3), Against("modelaudit")),
        memory=100,
        long=True,
    ),
    Row(
        "convert",
        "1 GB torch checkpoint to safetensors",
        CHECKPOINT,
        (Against(COPY, 1.5),),
        command=("convert", "{path}", "--output", "{scratch}/converted"),
        memory=150,
        verdict="",
        long=True,
    ),
    Row(
        "bomb-zeros",
        "torch checkpoint of 1 MB whose pickle expands to 1 GB of zeros",
        Input("bomb-zeros", GIB, GIB // 16),
        cpu=1,
        memory=150,
        verdict="not clean",
    ),
    Row(
        "bomb-opcodes",
        "the same, 1 GB of opcodes",
        Input("bomb-opcodes", GIB, GIB // 16),
        cpu=1,
        memory=150,
        verdict="not clean",
    ),
    Row(
        "bomb-bytes",
        "the same, a valid pickle of 1 GB of zeros (the peers call it clean)",
        Input("bomb-bytes", GIB, GIB // 16),
        (Against("picklescan"), Against("modelscan")),
        cpu=1,
        memory=150,
        verdict="not clean",
    ),
    *(
        Row(name, title, Input(name, size, size), cpu=1, memory=150, verdict="not clean")
        for name, title, size in (
            ("bomb-gzip", "gzip of 1 MB that expands to 1 GB", GIB),
            ("bomb-zip", "zip in zip, five levels of ten: 6.7 TB in 13 KB", 64 * 1024 * 1024),
            ("bomb-lists", "pickle of 1,000,000 lists in each other", 1_000_000),
            ("bomb-memo", "pickle of 729 bytes with 10^30 leaves", 30),
            ("bomb-json", "JSON 100,000 levels deep", 100_000),
            ("bomb-header", "safetensors that claims a header of 2^62 bytes", 2**62),
        )
    ),
    Row(
        "scale-files",
        "ten times the files",
        FOLDER,
        (Against(OURSELVES, 11, Input("folder", 300, 30)),),
    ),
    Row(
        "scale-opcodes",
        "ten times the opcodes",
        DICT,
        (Against(OURSELVES, 11, Input("pickle-dict", 1_000_000, 50_000)),),
        long=True,
    ),
    Row(
        "scale-bytes",
        "ten times the bytes",
        TENSORS,
        (Against(OURSELVES, 11, Input("safetensors", 2 * GIB // 10, GIB // 100)),),
        long=True,
    ),
)
