"""Hostile source that was written when all of the other tricks were found."""

from __future__ import annotations

TEXT = r"""
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
