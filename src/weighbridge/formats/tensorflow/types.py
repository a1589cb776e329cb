"""The data types of TensorFlow: their names, and the bytes of one element.

Source: TensorFlow 2.21, `tensorflow/core/framework/types.proto`. References (100 more) are of the same types.
"""

from __future__ import annotations

STRING, RESOURCE, VARIANT = 7, 20, 21
NAMES: dict[int, str] = {
    1: "FLOAT",
    2: "DOUBLE",
    3: "INT32",
    4: "UINT8",
    5: "INT16",
    6: "INT8",
    7: "STRING",
    8: "COMPLEX64",
    9: "INT64",
    10: "BOOL",
    11: "QINT8",
    12: "QUINT8",
    13: "QINT32",
    14: "BFLOAT16",
    15: "QINT16",
    16: "QUINT16",
    17: "UINT16",
    18: "COMPLEX128",
    19: "HALF",
    20: "RESOURCE",
    21: "VARIANT",
    22: "UINT32",
    23: "UINT64",
    24: "FLOAT8_E5M2",
    25: "FLOAT8_E4M3FN",
    26: "FLOAT8_E4M3FNUZ",
    27: "FLOAT8_E4M3B11FNUZ",
    28: "FLOAT8_E5M2FNUZ",
    29: "INT4",
    30: "UINT4",
    31: "INT2",
    32: "UINT2",
    33: "FLOAT4_E2M1FN",
}
WIDTHS: dict[int, int] = {
    **dict.fromkeys((4, 6, 10, 11, 12, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33), 1),
    **dict.fromkeys((5, 14, 15, 16, 17, 19), 2),
    **dict.fromkeys((1, 3, 13, 22), 4),
    **dict.fromkeys((2, 8, 9, 23), 8),
    18: 16,
}
"""Bytes of one element in a checkpoint and in `tensor_content`; types of less than a byte take a whole one."""
