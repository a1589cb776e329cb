"""The messages of ONNX as shapes, field by field: onnx 1.23, `onnx/onnx.proto` (IR version 14).

Fields that the .proto file calls reserved are left out: a file that has one has something that no reader looks at.
"""

from __future__ import annotations

from weighbridge.formats.grammars.protobuf import shape

NEWEST_IR = 14
"""The IR version that these shapes are those of."""

ENTRY = shape("StringStringEntryProto", "1 key text\n2 value text")
OPERATOR_SET = shape("OperatorSetIdProto", "1 domain text\n2 version int")
_SEGMENT = shape("TensorProto.Segment", "1 begin int\n2 end int")

_DIMENSION = shape("TensorShapeProto.Dimension", "1 dim_value int\n2 dim_param text\n3 denotation text")
_TENSOR_SHAPE = shape("TensorShapeProto", "1 dim message*", dim=_DIMENSION)
_TENSOR_TYPE = shape("TypeProto.Tensor", "1 elem_type int\n2 shape message", shape=_TENSOR_SHAPE)
_SEQUENCE_TYPE = shape("TypeProto.Sequence", "1 elem_type message")
_MAP_TYPE = shape("TypeProto.Map", "1 key_type int\n2 value_type message")
_OPAQUE_TYPE = shape("TypeProto.Opaque", "1 domain text\n2 name text")
TYPE = shape(
    "TypeProto",
    """
    1 tensor_type message
    4 sequence_type message
    5 map_type message
    6 denotation text
    7 opaque_type message
    8 sparse_tensor_type message
    9 optional_type message
    """,
    tensor_type=_TENSOR_TYPE,
    sequence_type=_SEQUENCE_TYPE,
    map_type=_MAP_TYPE,
    opaque_type=_OPAQUE_TYPE,
    sparse_tensor_type=_TENSOR_TYPE,
    optional_type=_SEQUENCE_TYPE,
)
_SEQUENCE_TYPE.messages[1] = TYPE
_MAP_TYPE.messages[2] = TYPE

VALUE_INFO = shape(
    "ValueInfoProto",
    "1 name text\n2 type message\n3 doc_string text\n4 metadata_props message*",
    type=TYPE,
    metadata_props=ENTRY,
)

_INT_LISTS = shape("IntIntListEntryProto", "1 key int\n2 value int*")
_SIMPLE_SHARDING = shape("SimpleShardedDimProto", "1 dim_value int\n2 dim_param text\n3 num_shards int")
_SHARDED_DIM = shape("ShardedDimProto", "1 axis int\n2 simple_sharding message*", simple_sharding=_SIMPLE_SHARDING)
_SHARDING = shape(
    "ShardingSpecProto",
    """
    1 tensor_name text
    2 device int*
    3 index_to_device_group_map message*
    4 sharded_dim message*
    """,
    index_to_device_group_map=_INT_LISTS,
    sharded_dim=_SHARDED_DIM,
)
_NODE_DEVICE = shape(
    "NodeDeviceConfigurationProto",
    "1 configuration_id text\n2 sharding_spec message*\n3 pipeline_stage int",
    sharding_spec=_SHARDING,
)
_DEVICE = shape("DeviceConfigurationProto", "1 name text\n2 num_devices int\n3 device text*")
_ANNOTATION = shape(
    "TensorAnnotation",
    "1 tensor_name text\n2 quant_parameter_tensor_names message*",
    quant_parameter_tensor_names=ENTRY,
)

TENSOR = shape(
    "TensorProto",
    """
    1 dims int*
    2 data_type int
    3 segment message
    4 float_data fixed32*
    5 int32_data int*
    6 string_data bytes*
    7 int64_data int*
    8 name text
    9 raw_data bytes
    10 double_data fixed64*
    11 uint64_data int*
    12 doc_string text
    13 external_data message*
    14 data_location int
    16 metadata_props message*
    """,
    segment=_SEGMENT,
    metadata_props=ENTRY,
)
SPARSE_TENSOR = shape("SparseTensorProto", "1 values message\n2 indices message\n3 dims int*")

ATTRIBUTE = shape(
    "AttributeProto",
    """
    1 name text
    2 f fixed32
    3 i int
    4 s bytes
    5 t message
    6 g message
    7 floats fixed32*
    8 ints int*
    9 strings bytes*
    10 tensors message*
    11 graphs message*
    13 doc_string text
    14 tp message
    15 type_protos message*
    20 type int
    21 ref_attr_name text
    22 sparse_tensor message
    23 sparse_tensors message*
    """,
    tp=TYPE,
    type_protos=TYPE,
)
NODE = shape(
    "NodeProto",
    """
    1 input text*
    2 output text*
    3 name text
    4 op_type text
    5 attribute message*
    6 doc_string text
    7 domain text
    8 overload text
    9 metadata_props message*
    10 device_configurations message*
    """,
    metadata_props=ENTRY,
    device_configurations=_NODE_DEVICE,
)
GRAPH = shape(
    "GraphProto",
    """
    1 node message*
    2 name text
    5 initializer message*
    10 doc_string text
    11 input message*
    12 output message*
    13 value_info message*
    14 quantization_annotation message*
    15 sparse_initializer message*
    16 metadata_props message*
    """,
    input=VALUE_INFO,
    output=VALUE_INFO,
    value_info=VALUE_INFO,
    quantization_annotation=_ANNOTATION,
    metadata_props=ENTRY,
)
FUNCTION = shape(
    "FunctionProto",
    """
    1 name text
    4 input text*
    5 output text*
    6 attribute text*
    7 node message*
    8 doc_string text
    9 opset_import message*
    10 domain text
    11 attribute_proto message*
    12 value_info message*
    13 overload text
    14 metadata_props message*
    """,
    opset_import=OPERATOR_SET,
    value_info=VALUE_INFO,
    metadata_props=ENTRY,
)
TRAINING = shape(
    "TrainingInfoProto",
    """
    1 initialization message
    2 algorithm message
    3 initialization_binding message*
    4 update_binding message*
    """,
    initialization_binding=ENTRY,
    update_binding=ENTRY,
)
MODEL = shape(
    "ModelProto",
    """
    1 ir_version int
    2 producer_name text
    3 producer_version text
    4 domain text
    5 model_version int
    6 doc_string text
    7 graph message
    8 opset_import message*
    14 metadata_props message*
    20 training_info message*
    25 functions message*
    26 configuration message*
    """,
    configuration=_DEVICE,
)

BITS: dict[int, tuple[str, int]] = {
    1: ("FLOAT", 32),
    2: ("UINT8", 8),
    3: ("INT8", 8),
    4: ("UINT16", 16),
    5: ("INT16", 16),
    6: ("INT32", 32),
    7: ("INT64", 64),
    8: ("STRING", 0),
    9: ("BOOL", 8),
    10: ("FLOAT16", 16),
    11: ("DOUBLE", 64),
    12: ("UINT32", 32),
    13: ("UINT64", 64),
    14: ("COMPLEX64", 64),
    15: ("COMPLEX128", 128),
    16: ("BFLOAT16", 16),
    17: ("FLOAT8E4M3FN", 8),
    18: ("FLOAT8E4M3FNUZ", 8),
    19: ("FLOAT8E5M2", 8),
    20: ("FLOAT8E5M2FNUZ", 8),
    21: ("UINT4", 4),
    22: ("INT4", 4),
    23: ("FLOAT4E2M1", 4),
    24: ("FLOAT8E8M0", 8),
    25: ("UINT2", 2),
    26: ("INT2", 2),
    27: ("FLOAT6E2M3", 6),
    28: ("FLOAT6E3M2", 6),
}
"""TensorProto.DataType → its name and the bits of one element in raw_data (0: only string_data can hold it)."""
