"""Writes models with TensorFlow, and what TensorFlow itself reads in them, for tests that run elsewhere.

python tensorflow_models.py FOLDER        FOLDER/NAME…, and FOLDER/truth.json
"""

from __future__ import annotations

import json
import os
import shutil
import sys

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "TF_ENABLE_ONEDNN_OPTS": "0"}

import keras
import numpy as np
import tensorflow as tf
import tf_keras
from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor as Kind
from tensorflow.core.framework import graph_pb2
from tensorflow.core.protobuf import fingerprint_pb2, meta_graph_pb2, saved_model_pb2, tensor_bundle_pb2
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
from tf_keras.protobuf import saved_metadata_pb2

v1 = tf.compat.v1
WIRES = {
    **dict.fromkeys((Kind.TYPE_DOUBLE, Kind.TYPE_FIXED64, Kind.TYPE_SFIXED64), 1),
    **dict.fromkeys((Kind.TYPE_FLOAT, Kind.TYPE_FIXED32, Kind.TYPE_SFIXED32), 5),
    **dict.fromkeys((Kind.TYPE_STRING, Kind.TYPE_BYTES, Kind.TYPE_MESSAGE), 2),
}
MESSAGES = (
    saved_model_pb2.SavedModel,
    tensor_bundle_pb2.BundleHeaderProto,
    tensor_bundle_pb2.BundleEntryProto,
    fingerprint_pb2.FingerprintDef,
    saved_metadata_pb2.SavedMetadata,
)


class Net(tf.Module):
    """Variables, control flow, a nested function and a gradient of its own."""

    def __init__(self):
        super().__init__()
        self.w = tf.Variable(tf.reshape(tf.range(12.0), (4, 3)), name="w")
        self.b = tf.Variable(tf.zeros(3, tf.bfloat16), name="b")
        self.words = tf.Variable(["a", "longer than a short string"], name="words")

    @tf.function
    def inner(self, x):
        return tf.nn.relu(tf.matmul(x, self.w) + tf.cast(self.b, tf.float32))

    @tf.function(input_signature=[tf.TensorSpec((None, 4), tf.float32, "x")])
    def __call__(self, x):
        total = tf.zeros((tf.shape(x)[0], 3))
        for step in tf.range(3):
            total += self.inner(x) if step > 1 else tf.random.normal(tf.shape(total))
        tf.debugging.assert_all_finite(total, "finite")
        tf.print("rows", tf.shape(x)[0])
        return {"y": tf.custom_gradient(lambda z: (z * 2.0, lambda grad: grad))(total), "words": self.words}


class Words(tf.Module):
    """A table that is read from an asset."""

    def __init__(self, folder):
        super().__init__()
        path = os.path.join(folder, "vocabulary.txt")
        with open(path, "w", encoding="utf-8") as file:
            file.write("one\ntwo\nthree\n")
        start = tf.lookup.TextFileInitializer(
            path, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
        )
        self.table = tf.lookup.StaticVocabularyTable(start, 2)
        self.fixed = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a", "b"], [1, 2]), -1)

    @tf.function(input_signature=[tf.TensorSpec(None, tf.string)])
    def __call__(self, words):
        parts = tf.strings.split(words).to_tensor("")
        return self.table.lookup(parts) + tf.cast(self.fixed.lookup(parts), tf.int64)


class Data(tf.Module):
    """A pipeline of tf.data inside a function."""

    @tf.function(input_signature=[tf.TensorSpec((), tf.int64)])
    def __call__(self, many):
        rows = tf.data.Dataset.range(many).map(lambda row: row * 2).filter(lambda row: row > 2).batch(2)
        return rows.reduce(tf.constant(0, tf.int64), lambda total, row: total + tf.reduce_sum(row))


def saved_models(out):
    tf.saved_model.save(Net(), f"{out}/module")
    tf.saved_model.save(Words(out), f"{out}/words")
    tf.saved_model.save(Data(), f"{out}/data")
    inputs = keras.Input((8, 8, 3))
    inside = keras.layers.Conv2D(4, 3)(inputs)
    inside = keras.layers.BatchNormalization()(inside)
    inside = keras.layers.Flatten()(keras.layers.Dropout(0.5)(inside))
    net = keras.Model(inputs, keras.layers.Dense(2, activation="softmax")(inside))
    net.export(f"{out}/keras-export", verbose=False)
    text = keras.Sequential(
        [
            keras.layers.TextVectorization(vocabulary=["a", "b"], output_sequence_length=4),
            keras.layers.Embedding(8, 4),
            keras.layers.LSTM(4),
        ]
    )
    text(tf.constant(["a b"]))
    text.export(f"{out}/keras-text", verbose=False, input_signature=[tf.TensorSpec((None,), tf.string)])
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, (None, 2), "x")
        w = v1.get_variable("w", (2, 2), use_resource=False)
        steps = v1.while_loop(lambda i, _: i < 3, lambda i, z: (i + 1, tf.matmul(z, w)), (0, x), parallel_iterations=1)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, f"{out}/old", {"x": x}, {"y": steps[1]})


def old_keras(out):
    for name, act in {
        "keras-2": tf_keras.layers.ReLU(),
        "keras-2-lambda": tf_keras.layers.Lambda(lambda x: x + 1),
    }.items():
        net = tf_keras.Sequential([tf_keras.Input((4,)), tf_keras.layers.Dense(3), act])
        net.compile("adam", "mse")
        net.save(f"{out}/{name}", save_format="tf")


class Path(tf.Module):
    """A file whose name goes through a variable, a join and a nested function. Nothing of it is run here."""

    def __init__(self, way):
        super().__init__()
        self.way = way
        self.folder = tf.Variable("/etc")

    @tf.function
    def inner(self, path):
        return tf.io.read_file(path)

    @tf.function(input_signature=[tf.TensorSpec((), tf.string, "x")])
    def __call__(self, x):
        if self.way == "given":
            return self.inner(x)
        if self.way == "argument":
            return self.inner(tf.constant("/etc/hostname"))
        if self.way == "join":
            return self.inner(tf.strings.join(["/etc", "hostname"], "/"))
        if self.way == "branch":
            return tf.cond(x == "a", lambda: self.inner(tf.constant("/etc/hostname")), lambda: x)
        if self.way == "variable":
            return self.inner(self.folder)
        if self.way == "data":
            rows = tf.data.Dataset.from_tensor_slices(["/etc/hostname"]).map(tf.io.read_file)
            return rows.reduce(tf.constant(""), lambda total, row: total + row)
        if self.way == "python":
            return tf.py_function(lambda text: text, [x], tf.string)
        if self.way == "numpy":
            return tf.numpy_function(lambda text: text, [x], tf.string)
        if self.way == "print":
            tf.print(x, output_stream="file:///tmp/weighbridge-example")
        else:
            tf.io.write_file("/tmp/weighbridge-example" if self.way == "write" else x, "inert")
        return x


WAYS = (
    "given", "argument", "join", "branch", "variable", "data", "python", "numpy", "print", "write", "write-given"
)  # fmt: skip


def reaching(out):
    for way in WAYS:
        tf.saved_model.save(Path(way), f"{out}/reaching/{way}")


def graphs(out):
    function = tf.function(lambda x: tf.nn.softmax(tf.matmul(x, tf.ones((4, 3))))).get_concrete_function(
        tf.TensorSpec((None, 4), tf.float32)
    )
    tf.io.write_graph(function.graph.as_graph_def(), out, "plain.pb", as_text=False)
    tf.io.write_graph(function.graph.as_graph_def(), out, "plain.pbtxt", as_text=True)
    net = Net()
    frozen = convert_variables_to_constants_v2(net.__call__.get_concrete_function())
    tf.io.write_graph(frozen.graph.as_graph_def(), out, "frozen.pb", as_text=False)


def checkpoints(out):
    with tf.Graph().as_default(), v1.Session() as session:
        w = v1.get_variable("layer/w", (3, 2), partitioner=v1.fixed_size_partitioner(2), use_resource=False)
        v1.get_variable("many", (300,), tf.int64, v1.zeros_initializer())
        for step in range(200):
            v1.get_variable(f"block_{step:03}/kernel_of_a_layer", (step % 3,), initializer=v1.ones_initializer())
        v1.summary.scalar("loss", tf.reduce_sum(w))
        step = v1.train.get_or_create_global_step()
        session.run(v1.global_variables_initializer())
        v1.train.Saver().save(session, f"{out}/first/model.ckpt", global_step=step)
        os.makedirs(f"{out}/sharded", exist_ok=True)
        v1.train.Saver(sharded=True).save(session, f"{out}/sharded/model.ckpt")
    net = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3), keras.layers.Dense(2)])
    net.compile("adam", "mse")
    net.fit(np.ones((4, 4)), np.ones((4, 2)), verbose=0)
    rows = iter(tf.data.Dataset.range(10).shuffle(4))
    saved = tf.train.Checkpoint(net=net, optimizer=net.optimizer, module=Net(), rows=rows)
    tf.train.CheckpointManager(saved, f"{out}/second", max_to_keep=2).save()
    policy = tf.train.experimental.MaxShardSizePolicy(max_shard_size=200)
    options = tf.train.CheckpointOptions(experimental_sharding_callback=policy)
    tf.train.Checkpoint(module=Net(), net=net).save(f"{out}/shards/ckpt", options=options)
    net.save_weights(f"{out}/net.weights.h5")


def shape_of(shape):
    return [int(length) for length in shape]


def graph_truth(graph):
    nodes = [(node.name, node.op) for node in graph.node]
    nodes += [(node.name, node.op) for function in graph.library.function for node in function.node_def]
    ops = {}
    for _, op in nodes:
        ops[op] = ops.get(op, 0) + 1
    return {"nodes": len(nodes), "ops": ops, "functions": sorted(f.signature.name for f in graph.library.function)}


def schema_of(descriptor, found):
    """The fields of a message and of all below it: number → name and whether it holds messages."""
    if descriptor.full_name not in found:
        fields = found[descriptor.full_name] = {}
        for field in descriptor.fields:
            message = field.message_type.full_name if field.message_type else ""
            fields[field.number] = [field.name, WIRES.get(field.type, 0), field.is_repeated, message]
            if message:
                schema_of(field.message_type, found)
    return found


def as_text(out):
    """A SavedModel and its assets, with the graph as text."""
    shutil.copytree(f"{out}/words", f"{out}/words-text")
    with open(f"{out}/words-text/saved_model.pb", "rb") as file:
        model = saved_model_pb2.SavedModel.FromString(file.read())
    os.unlink(f"{out}/words-text/saved_model.pb")
    with open(f"{out}/words-text/saved_model.pbtxt", "w", encoding="utf-8") as file:
        file.write(text_format.MessageToString(model))


def truth(out):
    found = {"saved_models": {}, "graphs": {}, "checkpoints": {}, "metas": {}, "schema": {}}
    for message in MESSAGES:
        schema_of(message.DESCRIPTOR, found["schema"])
    for folder, _, names in os.walk(out):
        for name in names:
            path = os.path.join(folder, name)
            short = os.path.relpath(path, out)
            with open(path, "rb") as file:
                raw = file.read()
            if name == "saved_model.pb":
                model = saved_model_pb2.SavedModel.FromString(raw)
                found["saved_models"][short] = [
                    {
                        **graph_truth(meta.graph_def),
                        "tags": list(meta.meta_info_def.tags),
                        "signatures": sorted(meta.signature_def),
                        "assets": [asset.filename for asset in meta.asset_file_def],
                    }
                    for meta in model.meta_graphs
                ]
            elif name.endswith(".meta"):
                found["metas"][short] = graph_truth(meta_graph_pb2.MetaGraphDef.FromString(raw).graph_def)
            elif name in ("plain.pb", "frozen.pb"):
                found["graphs"][short] = graph_truth(graph_pb2.GraphDef.FromString(raw))
            elif name == "plain.pbtxt":
                found["graphs"][short] = graph_truth(text_format.Parse(raw.decode(), graph_pb2.GraphDef()))
            elif name.endswith(".index"):
                reader = tf.train.load_checkpoint(path.removesuffix(".index"))
                types = reader.get_variable_to_dtype_map()
                found["checkpoints"][short] = {
                    name: [types[name].as_datatype_enum, shape_of(shape)]
                    for name, shape in reader.get_variable_to_shape_map().items()
                }
    return found


def main(out):
    os.makedirs(out, exist_ok=True)
    saved_models(out)
    old_keras(out)
    reaching(out)
    as_text(out)
    graphs(out)
    checkpoints(out)
    with open(f"{out}/truth.json", "w", encoding="utf-8") as file:
        json.dump(truth(out), file)


if __name__ == "__main__":
    main(sys.argv[1])
