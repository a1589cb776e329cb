"""Attacks by parts: what is called, by which road, in which container. Payloads are inert and never loaded."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import lzma
import pickle
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

import lz4.frame
from backports import zstd

from build import pickles as p
from build.containers import safetensors, torch_zip, zipped

if TYPE_CHECKING:
    from collections.abc import Callable

DANGEROUS = [
    "os.system",
    "posix.system",
    "nt.system",
    "os.popen",
    "os.execv",
    "subprocess.Popen",
    "subprocess.check_output",
    "pty.spawn",
    "commands.getoutput",
    "builtins.eval",
    "builtins.exec",
    "builtins.compile",
    "builtins.__import__",
    "builtins.getattr",
    "builtins.open",
    "__builtin__.eval",
    "__builtin__.execfile",
    "runpy.run_path",
    "runpy.run_module",
    "code.InteractiveInterpreter",
    "timeit.timeit",
    "cProfile.run",
    "profile.run",
    "pdb.run",
    "bdb.Bdb",
    "trace.Trace",
    "doctest.debug_script",
    "idlelib.pyshell.ModifiedInterpreter",
    "lib2to3.pgen2.grammar.Grammar.loads",
    "pydoc.locate",
    "pydoc.pipepager",
    "pkgutil.resolve_name",
    "importlib.import_module",
    "imp.load_source",
    "zipimport.zipimporter",
    "marshal.loads",
    "types.FunctionType",
    "types.CodeType",
    "ctypes.CDLL",
    "_ctypes.dlopen",
    "cffi.FFI",
    "pickle.loads",
    "_pickle.loads",
    "dill.loads",
    "cloudpickle.loads",
    "joblib.load",
    "torch.load",
    "torch.storage._load_from_bytes",
    "torch.hub.load",
    "torch.jit.load",
    "numpy.load",
    "numpy.memmap",
    "numpy.fromfile",
    "numpy.f2py.crackfortran.myeval",
    "numpy.testing._private.utils.runstring",
    "pandas.read_pickle",
    "pandas.eval",
    "sympy_like.parse",
    "operator.attrgetter",
    "operator.methodcaller",
    "functools.partial",
    "functools.reduce",
    "itertools.starmap",
    "shutil.rmtree",
    "shutil.move",
    "tempfile.mktemp",
    "io.open",
    "_io.FileIO",
    "codecs.open",
    "socket.socket",
    "urllib.request.urlopen",
    "http.client.HTTPSConnection",
    "ftplib.FTP",
    "smtplib.SMTP",
    "requests.get",
    "httpx.get",
    "asyncio.unix_events._UnixSubprocessTransport",
    "multiprocessing.util.spawnv_passfds",
    "uuid._get_command_stdout",
    "_osx_support._read_output",
    "imaplib.IMAP4_stream",
    "webbrowser.open",
    "antigravity.x",
    "ensurepip._run_pip",
    "pip.main",
    "azure.identity.DefaultAzureCredential",
    "azure.keyvault.secrets.SecretClient",
    "sqlite3.connect",
    "shelve.open",
    "logging.FileHandler",
    "logging.config.dictConfig",
    "atexit.register",
    "signal.signal",
    "sys.settrace",
    "gc.get_objects",
    "inspect.currentframe",
    "keras.models.load_model",
    "tensorflow.io.read_file",
    "transformers.pipelines.pipeline",
    "huggingface_hub.snapshot_download",
    "hydra.utils.instantiate",
    "yaml.unsafe_load",
    "jinja2.Template",
    "weighbridge.core.knowledge.load_knowledge",
    "fickling.fickle.Pickled",
    "mypackage.os.system",
    "collections._sys.modules.get",
    "numpi.ndarray",
    "scikitlearn.tree.Tree",
]
JUDGED_BY_ARGUMENTS = ["sympy_like.parse", "functools.partial", "torch.storage._load_from_bytes"]
"""Those that honest files use too, or that nobody knows: what they are given decides, and a string is not enough."""
UNKNOWN = ["mypackage.Net", "models.yolo.Model", "__main__.Net", "random.Random", "mypkg.Net", "string.Template"]


def name_of(dotted: str) -> tuple[str, str]:
    module, _, name = dotted.rpartition(".")
    return module, name


ROADS: dict[str, Callable[[str, str], bytes]] = {
    "REDUCE": lambda m, n: p.global_(m, n) + p.text("x") + b"\x85R",
    "STACK_GLOBAL": lambda m, n: p.stack_global(m, n) + p.text("x") + b"\x85R",
    "STACK_GLOBAL of bytes": lambda m, n: (
        b"U" + bytes([len(m)]) + m.encode() + b"U" + bytes([len(n)]) + n.encode() + b"\x93)R"
    ),
    "INST": lambda m, n: b"(" + p.text("x") + f"i{m}\n{n}\n".encode(),
    "OBJ": lambda m, n: b"(" + p.global_(m, n) + p.text("x") + b"o",
    "NEWOBJ": lambda m, n: p.global_(m, n) + b")\x81",
    "NEWOBJ_EX": lambda m, n: p.global_(m, n) + b")}" + p.text("k") + b"Ns\x92",
    "BUILD": lambda m, n: p.global_(m, n) + b")\x81}" + p.text("k") + b"Nsb",
    "BUILD on the name itself": lambda m, n: p.global_(m, n) + b"}b",
    "only named": p.global_,
    "named and dropped": lambda m, n: p.global_(m, n) + b"0N",
    "called and dropped with its mark": lambda m, n: b"(" + p.global_(m, n) + b")R1N",
    "by the memo": lambda m, n: (
        p.text(m) + b"r\xff\xff\x00\x00" + b"0" + p.text(n) + b"p7\n0j\xff\xff\x00\x00g7\n\x93)R"
    ),
    "in a default factory": lambda m, n: p.global_("collections", "defaultdict") + p.global_(m, n) + b"\x85R",
    "in a list of a state": lambda m, n: (
        p.global_("argparse", "Namespace") + b")\x81}" + p.text("k") + b"](" + p.global_(m, n) + b"esb"
    ),
}


def whole(road: bytes) -> bytes:
    return p.proto(4) + road + p.STOP


def base64_json(raw: bytes) -> bytes:
    return json.dumps({"x": {"y": [base64.b64encode(raw).decode()]}}).encode()


def proto(raw: bytes) -> bytes:
    """With a header: what is only named, or written in old opcodes, is not told from a word of a vocabulary."""
    return raw if raw[:1] == b"\x80" else p.proto(2) + raw


CONTAINERS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "a pickle": ("m.pkl", lambda raw: raw),
    "under another name": ("m.bin", lambda raw: raw),
    "under no name": ("m", lambda raw: raw),
    "called safetensors": ("m.safetensors", lambda raw: raw),
    "called text": ("vocab.txt", lambda raw: raw),
    "behind a harmless pickle": ("m.pkl", lambda raw: pickle.dumps([1, 2, 3]) + raw),
    "before a broken tail": ("m.pkl", lambda raw: raw[:-1] + b"\xff\xff"),
    "as bytes in a pickle": ("m.pkl", lambda raw: p.proto(4) + b"B" + struct.pack("<I", len(raw)) + raw + b"."),
    "as base64 in a pickle": (
        "m.pkl",
        lambda raw: p.proto(4) + p.text(base64.b64encode(proto(raw)).decode()) + b".",
    ),
    "as hexadecimal in a pickle": ("m.pkl", lambda raw: p.proto(4) + b"V" + proto(raw).hex().encode() + b"\n."),
    "as compressed base64 in a pickle": (
        "m.pkl",
        lambda raw: p.proto(4) + b"S'" + base64.b64encode(zlib.compress(proto(raw))) + b"'\n.",
    ),
    "a zip member": ("m.zip", lambda raw: zipped({"weights.dat": raw})),
    "a deflated zip member": ("m.zip", lambda raw: zipped({"a/b.txt": raw}, method=zipfile.ZIP_DEFLATED)),
    "a zip in a zip": ("m.zip", lambda raw: zipped({"i.zip": zipped({"x": raw}, method=zipfile.ZIP_BZIP2)})),
    "a torch checkpoint": ("m.pt", lambda raw: zipped({"archive/data.pkl": raw, "archive/version": b"3\n"})),
    "beside a torch pickle": ("m.pt", lambda raw: torch_zip([], {}, extra={"archive/constants.pkl": raw})),
    "gzip": ("m.joblib", gzip.compress),
    "bzip2": ("m.pkl.bz2", bz2.compress),
    "xz": ("m.xz", lzma.compress),
    "lz4": ("m.pkl.lz4", lz4.frame.compress),
    "zstd": ("m.pkl.zst", zstd.compress),
    "a member under LZMA": ("m.zip", lambda raw: zipped({"m.pkl": raw}, method=zipfile.ZIP_LZMA)),
    "lzma": ("m.lzma", lambda raw: lzma.compress(raw, format=lzma.FORMAT_ALONE)),
    "zlib": ("m.z", zlib.compress),
    "gzip in gzip": ("m.gz", lambda raw: gzip.compress(gzip.compress(raw))),
    "base64 in a configuration": ("config.json", base64_json),
    "hexadecimal in a configuration": ("config.json", lambda raw: json.dumps({"x": raw.hex()}).encode()),
    "compressed in a configuration": ("config.json", lambda raw: base64_json(zlib.compress(raw))),
    "base64 in metadata": (
        "m.safetensors",
        lambda raw: safetensors({"w": b"1234"}, metadata={"k": base64.b64encode(raw).decode()}),
    ),
    "base64 in a model card": ("README.md", lambda raw: b"# Card\n\n" + base64.b64encode(raw) + b"\n"),
    "behind a picture": ("a.png", lambda raw: b"\x89PNG\r\n\x1a\n\0\0\0\x00IEND\xaeB`\x82" + raw),
    "behind tensors": ("m.safetensors", lambda raw: safetensors({"w": b"1234"}, tail=raw)),
}
OUTSIDE = {"behind a picture", "behind tensors"}
"""Containers whose payload no loader of the format reaches: never clean, but not followed either."""
