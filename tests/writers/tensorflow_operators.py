"""Writes the names of all operators that TensorFlow registers: FOLDER/operators.json with the version.

python tensorflow_operators.py FOLDER
"""

from __future__ import annotations

import json
import os
import sys

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}

import tensorflow as tf
from tensorflow.core.framework import op_def_pb2
from tensorflow.python.client import pywrap_tf_session

if __name__ == "__main__":
    raw = bytes(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
    names = sorted(op.name for op in op_def_pb2.OpList.FromString(raw).op)
    with open(f"{sys.argv[1]}/operators.json", "w", encoding="utf-8") as file:
        json.dump({"version": tf.__version__, "names": names}, file)
