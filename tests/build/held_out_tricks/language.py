"""Tricks of the language itself: classes, frames, operators, texts."""

from __future__ import annotations

TEXT = r"""
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
