"""Published ways in, by their names: every family of callables, every advisory on a pickle scanner.

An advisory that is about a callable is one line of `ADVISORIES`; one about a container or an opcode trick is a route of
`bench/` and stands there under the same name. Payloads are inert and never loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from build import pickles as p
from build.inspecting import inspected, rules_of, scanned
from weighbridge.core.findings import Verdict

if TYPE_CHECKING:
    from pathlib import Path

FAMILIES = {
    "process": """
        os.system os.execv os.spawnl posix.system nt.system subprocess.run subprocess.Popen
        subprocess.getoutput pty.spawn commands.getoutput popen2.popen3 asyncio.create_subprocess_shell
        asyncio.subprocess.create_subprocess_exec asyncio.unix_events._UnixSubprocessTransport._start
        multiprocessing.util.spawnv_passfds multiprocessing.Process multiprocessing.popen_fork.Popen
        multiprocessing.forkserver.ForkServer multiprocessing.managers.BaseManager _posixsubprocess.fork_exec
        _winapi.CreateProcess win32api.ShellExecute win32process.CreateProcess pexpect.run sh.Command
        fabric.Connection paramiko.SSHClient distutils.spawn.spawn setuptools.sandbox.run_setup
        numpy.distutils.exec_command.exec_command torch.utils.collect_env.run
        torch.utils.collect_env.run_and_read_all torch.utils.collect_env.run_and_parse_first_match
        torch.utils.cpp_extension.load_inline torch.utils.cpp_extension.load
        torch._inductor.codecache.compile_file uuid._get_command_stdout _osx_support._read_output
        _osx_support._find_build_tool _aix_support._read_cmd_output _pyrepl.pager.pipe_pager
        _pyrepl.pager.tempfile_pager pydoc.pipepager pydoc.tempfilepager imaplib.IMAP4_stream
        test.support.script_helper.assert_python_ok mlflow.projects.backend.local._run_entry_point
        IPython.utils.process.system joblib.externals.loky.backend.spawn.prepare nltk.internals.java
        platform.popen webbrowser.open antigravity.geohash ensurepip._run_pip pip.main pip._internal.main
        venv.create git.Repo.clone_from git.cmd.Git ray.remote dask.compute mpi4py.MPI
    """,
    "code": """
        builtins.eval builtins.exec builtins.compile builtins.__import__ builtins.open builtins.getattr
        builtins.setattr builtins.delattr builtins.globals builtins.locals builtins.vars builtins.input
        builtins.breakpoint builtins.exit builtins.quit builtins.help builtins.type builtins.str.format
        builtins.str.format_map builtins.map builtins.filter functools.reduce __builtin__.apply
        __builtin__.execfile __builtin__.file code.interact code.InteractiveConsole codeop.compile_command
        runpy.run_path timeit.timeit timeit.repeat trace.Trace.run trace.Trace.runctx profile.run
        cProfile.runctx pdb.run bdb.Bdb.run doctest.debug_script idlelib.run.main
        lib2to3.pgen2.grammar.Grammar.loads types.CodeType types.FunctionType types.ModuleType
        types.MethodType marshal.loads dis.dis ctypes.CDLL _ctypes.dlopen cffi.FFI importlib.import_module
        imp.load_source pkgutil.resolve_name zipimport.zipimporter site.addsitedir
        sysconfig._generate_posix_vars dataclasses.make_dataclass collections.namedtuple typing.get_type_hints
        typing.ForwardRef._evaluate string.Formatter.vformat numpy.testing._private.utils.runstring
        numpy.f2py.crackfortran.myeval numpy.f2py.crackfortran.getlincoef numpy.f2py.crackfortran._eval_length
        numpy.ctypeslib.load_library numpy.lib.npyio.load numpy.load numpy.save numpy.memmap numpy.fromfile
        numpy.loadtxt numpy.lib._datasource.DataSource pandas.eval pandas.core.computation.eval.eval
        pandas.read_pickle pandas.read_csv sympy.parsing.sympy_parser.parse_expr sympy.sympify sympy.lambdify
        numexpr.evaluate torch.fx.experimental.symbolic_shapes.ShapeEnv.evaluate_guards_expression
        torch._dynamo.guards.GuardBuilder.get torch.jit.annotations.parse_type_line
        torch.jit.unsupported_tensor_ops.execWrapper torch.jit.load torch.ops.load_library torch.hub.load
        torch.package.PackageImporter torch.distributed.rpc.internal.PythonUDF
        torch.distributed.nn.api.remote_module.RemoteModule torch.utils.bottleneck.__main__.run_cprofile
        torch.utils.tensorboard.SummaryWriter torch.load keras.src.utils.python_utils.func_load
        keras.models.load_model keras.saving.load_model keras.utils.get_file
        keras.config.enable_unsafe_deserialization keras.layers.deserialize tensorflow.py_function
        tensorflow.load_op_library tensorflow.io.read_file tensorflow.io.write_file
        transformers.dynamic_module_utils.get_class_from_dynamic_module transformers.pipelines.pipeline
        huggingface_hub.snapshot_download huggingface_hub.hf_hub_download hydra.utils.instantiate
        hydra.utils.get_class hydra._internal.utils._locate pytorch_lightning.cli.instantiate_class
        omegaconf.OmegaConf.register_new_resolver yaml.unsafe_load yaml.load jinja2.Template
        mako.template.Template tornado.template.Template gradio.Interface streamlit.write
        sqlalchemy.create_engine django.shortcuts.render celery.Celery twisted.internet.reactor
        IPython.get_ipython nbconvert.exporters.PythonExporter cloudpickle.cloudpickle._make_function
        cloudpickle.cloudpickle._builtin_type cloudpickle.cloudpickle._function_setstate
        cloudpickle.cloudpickle.subimport cloudpickle.cloudpickle._make_cell dill._dill._create_function
        dill._dill._create_code dill._dill._import_module dill._dill._eval_repr
    """,
    "files and network": """
        shutil.rmtree shutil.copyfile tempfile.mkdtemp tempfile.NamedTemporaryFile pathlib.Path.write_text
        pathlib.Path.unlink fileinput.input glob.glob linecache.getlines zipfile.ZipFile tarfile.open
        sqlite3.connect dbm.open shelve.open logging.FileHandler logging.config.dictConfig
        logging.handlers.SocketHandler mmap.mmap readline.read_init_file distutils.file_util.write_file
        compileall.compile_dir py_compile.compile http.client.HTTPSConnection http.server.HTTPServer
        urllib.request.urlopen urllib.request.urlretrieve ftplib.FTP smtplib.SMTP poplib.POP3 nntplib.NNTP
        telnetlib.Telnet imaplib.IMAP4 socketserver.TCPServer xmlrpc.client.ServerProxy
        ssl.get_server_certificate socket.create_connection requests.get httpx.get aiohttp.ClientSession
        websocket.create_connection boto3.client fsspec.open smart_open.open
    """,
    "indirection": """
        operator.attrgetter operator.itemgetter operator.methodcaller operator.call functools.reduce
        functools.partialmethod functools.cached_property itertools.starmap itertools.accumulate builtins.map
        builtins.filter concurrent.futures.ThreadPoolExecutor threading.Timer threading.Thread
        _thread.start_new_thread atexit.register weakref.finalize signal.signal sys.settrace sys.setprofile
        sys.addaudithook sys.modules.get sys.meta_path.append gc.get_objects inspect.getmembers
        faulthandler.enable codecs.register codecs.lookup copyreg.add_extension copyreg.pickle
        copyreg.constructor copyreg.__reduce_ex__ abc.ABCMeta.register contextlib.ExitStack.callback
        multiprocessing.Pool unittest.mock.patch _interpreters.run_string _xxsubinterpreters.run_string
    """,
}
"""What starts programs, runs code, touches files or the network, or calls something for somebody else."""
NAMES = [(family, name) for family, names in FAMILIES.items() for name in names.split()]
ADVISORIES = {
    "CVE-2025-1716": "pip.main",
    "CVE-2025-10157": "asyncio.unix_events._UnixSubprocessTransport._start",
    "GHSA-vvpj-8cmc-gx39": "pkgutil.resolve_name",
    "GHSA-955r-x9j8-7rhh": "operator.methodcaller",
    "GHSA-46h3-79wf-xr6c": "operator.attrgetter",
    "GHSA-r8g5-cgf2-4m4m": "numpy.f2py.crackfortran.getlincoef",
    "GHSA-g38g-8gr9-h9xp (uuid)": "uuid._get_command_stdout",
    "GHSA-g38g-8gr9-h9xp (_osx_support)": "_osx_support._find_build_tool",
    "GHSA-g38g-8gr9-h9xp (_aix_support)": "_aix_support._read_cmd_output",
    "GHSA-g38g-8gr9-h9xp (imaplib)": "imaplib.IMAP4_stream",
    "GHSA-g38g-8gr9-h9xp (_pyrepl)": "_pyrepl.pager.pipe_pager",
    "GHSA-g38g-8gr9-h9xp (test)": "test.support.script_helper.assert_python_ok",
    "GHSA-84r2-jw7c-4r5q": "pydoc.locate",
    "GHSA-m273-6v24-x4m4": "distutils.file_util.write_file",
    "GHSA-r7v6-mfhq-g3m2": "pty.spawn",
    "GHSA-565g-hwwr-4pp3 (marshal)": "marshal.loads",
    "GHSA-565g-hwwr-4pp3 (types)": "types.FunctionType",
    "GHSA-wfq2-52f7-7qvj": "runpy.run_module",
    "GHSA-p523-jq9w-64x9": "cProfile.run",
    "GHSA-q5qq-mvfm-j35x (ctypes)": "ctypes.CDLL",
    "GHSA-q5qq-mvfm-j35x (importlib)": "importlib.import_module",
    "GHSA-q5qq-mvfm-j35x (code)": "code.InteractiveInterpreter",
    "GHSA-q5qq-mvfm-j35x (multiprocessing)": "multiprocessing.util.spawnv_passfds",
    "GHSA-5hvc-6wx8-mvv4": "pydoc.pipepager",
    "GHSA-h4rm-mm56-xf63": "builtins.__import__",
    "GHSA-5j3x-jp52-966f": "logging.os.system",
    "GHSA-6ggj-6f2q-f7mx": "_interpreters.run_string",
    "CVE-2024-5480": "torch.distributed.rpc.internal.PythonUDF",
    "CVE-2024-48063": "torch.distributed.nn.api.remote_module.RemoteModule",
    "CVE-2022-45907": "torch.jit.annotations.parse_type_line",
    "CVE-2025-8747": "keras.utils.get_file",
    "CVE-2025-9906": "keras.config.enable_unsafe_deserialization",
    "CVE-2024-37052": "mlflow.projects.backend.local._run_entry_point",
}
"""What each advisory found a scanner to let through."""


def called(name: str) -> bytes:
    """A pickle that calls `name` with one text. A dotted attribute needs protocol 4."""
    module, _, attribute = name.rpartition(".")
    return p.proto(2) + p.call(module, attribute, p.text("echo inert")) + p.STOP


@pytest.mark.parametrize(("family", "name"), NAMES, ids=[name for _, name in NAMES])
def test_known_callables_are_malicious(tmp_path: Path, family: str, name: str) -> None:
    report = scanned(tmp_path, "m.pkl", called(name))
    assert report.verdict is Verdict.MALICIOUS, family
    assert any(name.rpartition(".")[2] in finding.evidence.text for finding in report.findings)


@pytest.mark.parametrize("advisory", ADVISORIES)
def test_what_an_advisory_is_about_is_malicious(tmp_path: Path, advisory: str) -> None:
    assert scanned(tmp_path, "m.pkl", called(ADVISORIES[advisory])).verdict is Verdict.MALICIOUS


@pytest.mark.parametrize("advisory", ADVISORIES)
def test_what_an_advisory_is_about_is_malicious_under_any_road(tmp_path: Path, advisory: str) -> None:
    module, _, name = ADVISORIES[advisory].rpartition(".")
    argument = p.text("echo inert")
    for road in (
        p.proto(2) + b"(i" + f"{module}\n{name}\n".encode(),
        p.proto(4) + p.stack_global(module, name) + argument + b"\x85\x81",
        p.proto(4) + p.stack_global(module, name) + argument + b"\x85}\x92",
        p.proto(2) + b"(" + p.global_(module, name) + argument + b"o",
        p.proto(2) + p.global_(module, name) + argument + b"\x85R0N",
    ):
        assert scanned(tmp_path, "m.bin", road + p.STOP).verdict is Verdict.MALICIOUS, road


def test_a_module_that_lies_beside_the_pickle_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "yolo.py").write_text("class Model: ...\n")
    (tmp_path / "m.pkl").write_bytes(p.proto(2) + p.global_("models.yolo", "Model") + b")\x81.")
    report = inspected(tmp_path).report
    assert "pickle/artifact-import" in rules_of(report)
    assert report.verdict is Verdict.SUSPICIOUS
    (tmp_path / "models" / "yolo.py").unlink()
    assert "pickle/artifact-import" not in rules_of(inspected(tmp_path).report)
