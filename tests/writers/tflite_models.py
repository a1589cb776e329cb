"""Writes TFLite models with TensorFlow: operators of its own, Flex operators, and one that nobody has.

python tflite_models.py FOLDER        FOLDER/plain.tflite, flex.tflite, custom.tflite, quantized.tflite
"""

from __future__ import annotations

import os
import sys

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "TF_ENABLE_ONEDNN_OPTS": "0"}

import tensorflow as tf

ROW = tf.TensorSpec((1, 4), tf.float32, "x")


class Plain(tf.Module):
    """A layer."""

    def __init__(self):
        super().__init__()
        self.w = tf.Variable(tf.reshape(tf.range(2048.0) / 100, (4, 512)))

    @tf.function(input_signature=[ROW])
    def __call__(self, x):
        return tf.nn.softmax(tf.nn.relu(tf.matmul(x, self.w)))


class Strange(tf.Module):
    """Operators that TFLite does not have."""

    @tf.function(input_signature=[ROW])
    def __call__(self, x):
        return tf.linalg.det(tf.reshape(x, (2, 2))) + tf.reduce_sum(x)


def converted(module, **settings):
    converter = tf.lite.TFLiteConverter.from_concrete_functions([module.__call__.get_concrete_function()], module)
    for name, value in settings.items():
        setattr(converter, name, value)
    return converter.convert()


def main(out):
    os.makedirs(out, exist_ok=True)
    flex = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
    models = {
        "plain": converted(Plain()),
        "quantized": converted(Plain(), optimizations=[tf.lite.Optimize.DEFAULT]),
        "custom": converted(Strange(), allow_custom_ops=True),
    }
    models["flex"] = converted(Strange(), target_spec=tf.lite.TargetSpec(supported_ops=flex))
    for name, content in models.items():
        with open(f"{out}/{name}.tflite", "wb") as file:
            file.write(content)


if __name__ == "__main__":
    main(sys.argv[1])
