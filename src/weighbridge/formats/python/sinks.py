"""What is looked for in Python source: names that reach outside of the program, by what they do.

A name ends with a dot if everything below it counts. Kinds: `run-code`, `process`, `socket`, `http`, `pickle`,
`torch-load`, `numpy-load`, `yaml`, `keras-load`, `marshal`, `native`, `build`, `import-path`, `import-hook`, `hook`,
`delete`, `dns`, `secret-store`, `token`, `insecure`, `unpack`, `patch`, `identity`.
Sources: CPython 3.13 library reference; the references of the libraries named. Looked at on 2026-11-24.
"""

from __future__ import annotations

_TABLE = {
    "run-code": """builtins.eval builtins.exec builtins.compile builtins.execfile code.InteractiveInterpreter
        code.InteractiveConsole code.interact codeop. timeit.timeit timeit.repeat timeit.Timer cProfile.run
        cProfile.runctx profile.run profile.runctx pdb.run pdb.runeval trace.Trace types.CodeType
        types.FunctionType types.LambdaType runpy. doctest. bdb.Bdb cProfile.Profile.run cProfile.Profile.runctx
        profile.Profile.run numpy.testing.runstring numpy.testing._private.utils.runstring numpy.testing.rundocs
        test.support.run_code idlelib. asteval.Interpreter importlib.metadata.EntryPoint.load
        _testcapi.run_in_subinterp
        _interpreters. logging.config.listen pandas.eval numexpr.evaluate sympy.sympify sympy.parse_expr""",
    "process": """os.system os.popen os.execl os.execle os.execlp os.execlpe os.execv os.execve os.execvp os.execvpe
        os.spawnl os.spawnle os.spawnlp os.spawnlpe os.spawnv os.spawnve os.spawnvp os.spawnvpe
        os.posix_spawn os.posix_spawnp os.startfile os.fork os.forkpty subprocess. _posixsubprocess. pty.
        popen2. commands. pexpect. sh. plumbum. asyncio.create_subprocess_exec
        asyncio.create_subprocess_shell asyncio.subprocess. distutils.spawn.spawn
        multiprocessing.util.spawnv_passfds pip.main pip._internal. ensurepip. webbrowser. antigravity.
        setuptools.sandbox. IPython.get_ipython platform.popen numpy.distutils.exec_command. numpy.f2py.
        test.support.script_helper. venv. virtualenv. multiprocessing.set_executable multiprocessing.spawn.
        os.posix_openpt termios.TIOCSTI invoke.run fabric. docker.from_env docker.DockerClient""",
    "socket": """socket.socket socket.create_connection socket.create_server socket.socketpair
        asyncio.open_connection asyncio.start_server paramiko. telnetlib. ftplib. smtplib. poplib. imaplib.
        nntplib. socketserver. xmlrpc. http.server. websocket. websockets. scapy. ssl.wrap_socket
        asyncio.start_unix_server asyncio.open_unix_connection multiprocessing.connection.
        multiprocessing.managers. wsgiref.simple_server. asyncore.
        asynchat. aiosmtpd. dns.resolver. twisted.internet.""",
    "dns": """socket.gethostbyname socket.gethostbyname_ex socket.getaddrinfo socket.gethostbyaddr""",
    "secret-store": """keyring. secretstorage. browser_cookie3. rookiepy. pycookiecheat. win32crypt. win32cred.
        netrc.netrc http.cookiejar.MozillaCookieJar google.colab.userdata.""",
    "token": """huggingface_hub.get_token huggingface_hub.HfFolder. huggingface_hub.hf_api.HfFolder.
        huggingface_hub.utils.get_token transformers.utils.hub.HfFolder. huggingface_hub.utils.HfFolder.""",
    "insecure": """ssl._create_unverified_context ssl._create_stdlib_context ssl.CERT_NONE
        urllib3.disable_warnings requests.packages.urllib3.disable_warnings""",
    "unpack": """shutil.unpack_archive tarfile.open.extractall tarfile.open.extract tarfile.TarFile.extractall
        tarfile.TarFile.open.extractall torchvision.datasets.utils.extract_archive""",
    "patch": """unittest.mock.patch unittest.mock.patch.dict mock.patch""",
    "http": """urllib.request. urllib2. urllib.urlopen urllib.urlretrieve http.client. httplib. requests. httpx.
        aiohttp. urllib3. pycurl. boto3. botocore. azure.keyvault. azure.storage. google.cloud. fsspec.open
        smart_open. wget. gdown. httplib2. torch.hub. torch.utils.model_zoo. huggingface_hub.snapshot_download
        huggingface_hub.hf_hub_download""",
    "pickle": """pickle.load pickle.loads pickle.Unpickler pickle._load pickle._loads pickle._Unpickler
        _pickle.load _pickle.loads _pickle.Unpickler cPickle.
        dill.load dill.loads dill.Unpickler cloudpickle.load cloudpickle.loads joblib.load shelve.open
        jsonpickle.decode pandas.read_pickle torch.storage._load_from_bytes sklearn.externals.joblib.load
        jsonpickle.loads pandas.io.pickle.read_pickle ray.cloudpickle. multiprocessing.reduction.ForkingPickler.loads
        shelve.Shelf shelve.DbfilenameShelf""",
    "torch-load": """torch.load torch.jit.load torch.package.PackageImporter torch.export.load torch.serialization.load
        torch.serialization._legacy_load torch.serialization._load torch.distributed.checkpoint.load""",
    "numpy-load": "numpy.load numpy.lib.npyio.load numpy.lib.format.read_array numpy.lib.npyio.format.read_array",
    "yaml": """yaml.load yaml.load_all yaml.full_load yaml.full_load_all yaml.unsafe_load yaml.unsafe_load_all
        yaml.UnsafeLoader yaml.FullLoader yaml.Loader""",
    "keras-load": """keras.models.load_model keras.saving.load_model
        keras.config.enable_unsafe_deserialization keras.layers.Lambda keras.models.model_from_json
        tensorflow.saved_model.load tensorflow.py_function tensorflow.numpy_function
        tensorflow.load_op_library tensorflow.load_library""",
    "marshal": "marshal.load marshal.loads imp.load_compiled importlib.machinery.SourcelessFileLoader",
    "native": """ctypes.CDLL ctypes.PyDLL ctypes.WinDLL ctypes.OleDLL ctypes.cdll. ctypes.windll. ctypes.oledll.
        ctypes.pythonapi. ctypes.CFUNCTYPE ctypes.string_at ctypes.memmove _ctypes. cffi.
        torch.ops.load_library torch.classes.load_library numpy.ctypeslib.load_library
        mmap.PROT_EXEC imp.load_dynamic importlib.machinery.ExtensionFileLoader sqlite3.connect.load_extension
        sqlite3.connect.enable_load_extension sqlite3.Connection.load_extension""",
    "build": """torch.utils.cpp_extension. setuptools.Extension distutils.core.Extension pyximport.
        numba.cuda.compile cupy.RawKernel cupy.RawModule pycuda. triton.compile torch.cuda._compile_kernel
        cuda.bindings.nvrtc. cuda.nvrtc. numba.pycc.""",
    "import-path": """importlib.util.spec_from_file_location importlib.util.spec_from_loader importlib.machinery. imp.
        zipimport. pkgutil.resolve_name pkgutil.get_loader pydoc.locate importlib.reload site.addsitedir
        transformers.dynamic_module_utils. logging.config._resolve""",
    "import-hook": """sys.meta_path. sys.path_hooks. sys.path_importer_cache.""",
    "hook": """sys.settrace sys.setprofile sys.addaudithook atexit.register
        signal.signal gc.get_objects inspect.currentframe sys._getframe threading.settrace threading.setprofile
        weakref.finalize os.register_at_fork readline.set_startup_hook readline.set_pre_input_hook codecs.register""",
    "identity": "azure.identity. google.auth. botocore.credentials. msal. msrestazure.",
    "delete": "shutil.rmtree os.remove os.unlink os.rmdir os.removedirs os.truncate",
}

EXACT: dict[str, str] = {}
PREFIXES: dict[str, str] = {}
for _kind, _names in _TABLE.items():
    for _name in _names.split():
        (PREFIXES if _name.endswith(".") else EXACT)[_name] = _kind

DECODERS = frozenset(
    """base64.b64decode base64.urlsafe_b64decode base64.standard_b64decode base64.b32decode
        base64.b16decode base64.b85decode base64.a85decode base64.decodebytes binascii.unhexlify
        binascii.a2b_base64 binascii.a2b_hex zlib.decompress zlib.decompressobj bz2.decompress
        lzma.decompress gzip.decompress codecs.decode builtins.bytes.fromhex builtins.bytearray.fromhex
        marshal.loads""".split()  # noqa: SIM905 -- words read better than a list of them
)
BUILTINS = frozenset(
    """eval exec compile execfile open getattr setattr delattr globals locals vars __import__ input breakpoint bytes
    bytearray str chr map filter dict list print type object hasattr isinstance reversed""".split()  # noqa: SIM905 -- as above
)
MODULES = frozenset(
    ("os", "sys", "subprocess", "builtins", "importlib", "socket", "shutil", "ctypes", "pickle", "marshal")
)
"""Modules that other modules import: `torch.serialization.os.system` is `os.system`."""
BY_PATH = frozenset(
    """pkgutil.resolve_name pydoc.locate unittest.mock._importer logging.config._resolve
    hydra.utils.get_class hydra.utils.get_method hydra.utils.get_object
    django.utils.module_loading.import_string werkzeug.utils.import_string""".split()  # noqa: SIM905 -- as above
)
"""Functions that give what a dotted name stands for; a colon may stand before the last parts."""
IMPORTERS = frozenset(("builtins.__import__", "importlib.import_module", "importlib.__import__"))
INSTANCES = frozenset(
    """cProfile.Profile profile.Profile sqlite3.connect tarfile.open tarfile.TarFile gguf.GGUFReader
    gguf.gguf_reader.GGUFReader importlib.metadata.EntryPoint zipimport.zipimporter""".split()  # noqa: SIM905 -- as above
)
"""What gives an object whose methods are looked up below the name of what made it."""
FINDERS = frozenset(
    """importlib.abc.MetaPathFinder importlib.abc.PathEntryFinder importlib.abc.Loader importlib.abc.InspectLoader
    importlib.abc.SourceLoader importlib.abc.FileLoader importlib.abc.Finder importlib.abc.ExecutionLoader
    importlib.machinery.SourceFileLoader importlib.machinery.PathFinder""".split()  # noqa: SIM905 -- as above
)
"""Classes whose children decide what an import gives."""
_SAME = {
    "posix": "os",
    "nt": "os",
    "__builtin__": "builtins",
    "__builtins__": "builtins",
    "np": "numpy",
    "tf": "tensorflow",
    "tf_keras": "keras",
}


def plain_name(dotted: str) -> str:
    """The name under which a dotted name is looked up: aliases of modules, and modules reached through others."""
    parts = dotted.split(".")
    parts[0] = _SAME.get(parts[0], parts[0])
    if parts[0] == "tensorflow" and len(parts) > 1 and parts[1] == "keras":
        parts = parts[1:]
    for index in range(len(parts) - 2, 0, -1):
        bare = parts[index].removeprefix("_")  # `random._os` is `os` as well
        if bare in MODULES or parts[index] == "__builtins__":
            return plain_name(".".join((bare if bare in MODULES else parts[index], *parts[index + 1 :])))
    return ".".join(parts)


def kind_of_name(dotted: str) -> str:
    """What a name does, or an empty string."""
    if dotted in EXACT:
        return EXACT[dotted]
    place = dotted.find(".")
    while place >= 0:
        kind = PREFIXES.get(dotted[: place + 1])
        if kind:
            return kind
        place = dotted.find(".", place + 1)
    return ""
