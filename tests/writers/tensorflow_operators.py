"""Writes the names of all operators that TensorFlow registers, and which of their inputs and attributes are called
like something outside of the graph: FOLDER/operators.json, with the version.

python tensorflow_operators.py FOLDER
"""

from __future__ import annotations

import json
import os
import re
import sys

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}

import tensorflow as tf
from tensorflow.core.framework import op_def_pb2
from tensorflow.python.client import pywrap_tf_session

OUTSIDE = re.compile("file|path|dir$|directory|url|uri|addr|prefix|source|memory_region|output_stream", re.IGNORECASE)

if __name__ == "__main__":
    raw = bytes(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
    ops = op_def_pb2.OpList.FromString(raw).op
    names = sorted(op.name for op in ops)
    named = [
        [op.name, number]
        for op in ops
        for number, one in enumerate(op.input_arg)
        if one.type == 7 and OUTSIDE.search(one.name)
    ]
    named += [[op.name, one.name] for op in ops for one in op.attr if "string" in one.type and OUTSIDE.search(one.name)]
    with open(f"{sys.argv[1]}/operators.json", "w", encoding="utf-8") as file:
        json.dump({"version": tf.__version__, "names": names, "named": named}, file)
