"""Tricks by what Python brings along: modules of the standard library that run what they are given."""

from __future__ import annotations

TEXT = r"""
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
a pickle that copies
import copyreg, os
copyreg.pickle(type(os), lambda m: (os.system, ('echo inert',)))
---
import copyreg
copyreg.pickle(complex, lambda c: (complex, (c.real, c.imag)))
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
"""
