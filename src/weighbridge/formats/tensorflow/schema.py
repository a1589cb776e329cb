"""The messages of TensorFlow graphs and tensors as shapes.

Sources: TensorFlow 2.21, `tensorflow/core/framework` and `tensorflow/core/protobuf`. A test holds them
against the descriptors of the library.
"""

from __future__ import annotations

from weighbridge.formats.grammars.protobuf import shape

DIM = shape("Dim", "1 size int\n2 name text")
TENSOR_SHAPE = shape("TensorShapeProto", "2 dim message*\n3 unknown_rank int", dim=DIM)
DTYPE_AND_SHAPE = shape("DtypeAndShape", "1 dtype int\n2 shape message", shape=TENSOR_SHAPE)
FULL_TYPE_DEF = shape("FullTypeDef", "1 type_id int\n2 args message*\n3 s text\n4 i int")
OP_DEF_ARG_DEF = shape(
    "ArgDef",
    """
    1 name text
    2 description text
    3 type int
    4 type_attr text
    5 number_attr text
    6 type_list_attr text
    7 handle_data message*
    16 is_ref int
    17 experimental_full_type message
    """,
    handle_data=DTYPE_AND_SHAPE,
    experimental_full_type=FULL_TYPE_DEF,
)
RESOURCE_HANDLE = shape(
    "ResourceHandleProto",
    """
    1 device text
    2 container text
    3 name text
    4 hash_code int
    5 maybe_type_name text
    6 dtypes_and_shapes message*
    """,
    dtypes_and_shapes=DTYPE_AND_SHAPE,
)
VARIANT = shape("VariantTensorDataProto", "1 type_name text\n2 metadata bytes\n3 tensors message*")
TENSOR = shape(
    "TensorProto",
    """
    1 dtype int
    2 tensor_shape message
    3 version_number int
    4 tensor_content bytes
    5 float_val fixed32*
    6 double_val fixed64*
    7 int_val int*
    8 string_val bytes*
    9 scomplex_val fixed32*
    10 int64_val int*
    11 bool_val int*
    12 dcomplex_val fixed64*
    13 half_val int*
    14 resource_handle_val message*
    15 variant_val message*
    16 uint32_val int*
    17 uint64_val int*
    18 float8_val bytes
    """,
    tensor_shape=TENSOR_SHAPE,
    resource_handle_val=RESOURCE_HANDLE,
    variant_val=VARIANT,
)
ATTR_ENTRY = shape("AttrEntry", "1 key text\n2 value message")
NAME_ATTR_LIST = shape("NameAttrList", "1 name text\n2 attr message*", attr=ATTR_ENTRY)
ATTR_VALUE_LIST_VALUE = shape(
    "ListValue",
    """
    2 s bytes*
    3 i int*
    4 f fixed32*
    5 b int*
    6 type int*
    7 shape message*
    8 tensor message*
    9 func message*
    """,
    shape=TENSOR_SHAPE,
    tensor=TENSOR,
    func=NAME_ATTR_LIST,
)
ATTR_VALUE = shape(
    "AttrValue",
    """
    1 list message
    2 s bytes
    3 i int
    4 f fixed32
    5 b int
    6 type int
    7 shape message
    8 tensor message
    9 placeholder text
    10 func message
    """,
    list=ATTR_VALUE_LIST_VALUE,
    shape=TENSOR_SHAPE,
    tensor=TENSOR,
    func=NAME_ATTR_LIST,
)
OP_DEF_ATTR_DEF = shape(
    "AttrDef",
    """
    1 name text
    2 type text
    3 default_value message
    4 description text
    5 has_minimum int
    6 minimum int
    7 allowed_values message
    """,
    default_value=ATTR_VALUE,
    allowed_values=ATTR_VALUE,
)
OP_DEPRECATION = shape("OpDeprecation", "1 version int\n2 explanation text")
OP_DEF = shape(
    "OpDef",
    """
    1 name text
    2 input_arg message*
    3 output_arg message*
    4 attr message*
    5 summary text
    6 description text
    8 deprecation message
    16 is_aggregate int
    17 is_stateful int
    18 is_commutative int
    19 allows_uninitialized_input int
    20 control_output text*
    21 is_distributed_communication int
    """,
    input_arg=OP_DEF_ARG_DEF,
    output_arg=OP_DEF_ARG_DEF,
    attr=OP_DEF_ATTR_DEF,
    deprecation=OP_DEPRECATION,
)
OP_LIST = shape("OpList", "1 op message*", op=OP_DEF)
TEXT_ENTRY = shape("FunctionAliasesEntry", "1 key text\n2 value text")
DEBUG_NAMES = shape("ExperimentalDebugInfo", "1 original_node_names text*\n2 original_func_names text*")
NODE_DEF = shape(
    "NodeDef",
    """
    1 name text
    2 op text
    3 input text*
    4 device text
    5 attr message*
    6 experimental_debug_info message
    7 experimental_type message
    """,
    attr=ATTR_ENTRY,
    experimental_debug_info=DEBUG_NAMES,
    experimental_type=FULL_TYPE_DEF,
)
VERSION_DEF = shape("VersionDef", "1 producer int\n2 min_consumer int\n3 bad_consumers int*")
FUNCTION_DEF_ARG_ATTRS = shape("ArgAttrs", "1 attr message*", attr=ATTR_ENTRY)
FUNCTION_DEF_ARG_ATTR_ENTRY = shape("ArgAttrEntry", "1 key int\n2 value message", value=FUNCTION_DEF_ARG_ATTRS)
FUNCTION_DEF_RESOURCE_ARG_UNIQUE_ID_ENTRY = shape("ResourceArgUniqueIdEntry", "1 key int\n2 value int")
FUNCTION_DEF = shape(
    "FunctionDef",
    """
    1 signature message
    3 node_def message*
    4 ret message*
    5 attr message*
    6 control_ret message*
    7 arg_attr message*
    8 resource_arg_unique_id message*
    """,
    signature=OP_DEF,
    node_def=NODE_DEF,
    ret=TEXT_ENTRY,
    attr=ATTR_ENTRY,
    control_ret=TEXT_ENTRY,
    arg_attr=FUNCTION_DEF_ARG_ATTR_ENTRY,
    resource_arg_unique_id=FUNCTION_DEF_RESOURCE_ARG_UNIQUE_ID_ENTRY,
)
GRADIENT_DEF = shape("GradientDef", "1 function_name text\n2 gradient_func text")
REGISTERED_GRADIENT = shape("RegisteredGradient", "1 gradient_func text\n2 registered_op_type text")
FUNCTION_DEF_LIBRARY = shape(
    "FunctionDefLibrary",
    "1 function message*\n2 gradient message*\n3 registered_gradients message*",
    function=FUNCTION_DEF,
    gradient=GRADIENT_DEF,
    registered_gradients=REGISTERED_GRADIENT,
)
GRAPH_DEBUG_INFO_FILE_LINE_COL = shape(
    "FileLineCol",
    """
    1 file_index int
    2 line int
    3 col int
    4 func text
    5 code text
    """,
)
GRAPH_DEBUG_INFO_FRAMES_BY_ID_ENTRY = shape(
    "FramesByIdEntry", "1 key fixed64\n2 value message", value=GRAPH_DEBUG_INFO_FILE_LINE_COL
)
GRAPH_DEBUG_INFO_STACK_TRACE = shape(
    "StackTrace", "1 file_line_cols message*\n2 frame_id fixed64*", file_line_cols=GRAPH_DEBUG_INFO_FILE_LINE_COL
)
GRAPH_DEBUG_INFO_TRACES_BY_ID_ENTRY = shape(
    "TracesByIdEntry", "1 key fixed64\n2 value message", value=GRAPH_DEBUG_INFO_STACK_TRACE
)
GRAPH_DEBUG_INFO_TRACES_ENTRY = shape("TracesEntry", "1 key text\n2 value message", value=GRAPH_DEBUG_INFO_STACK_TRACE)
GRAPH_DEBUG_INFO_NAME_TO_TRACE_ID_ENTRY = shape("NameToTraceIdEntry", "1 key text\n2 value fixed64")
GRAPH_DEBUG_INFO = shape(
    "GraphDebugInfo",
    """
    1 files text*
    2 traces message*
    4 frames_by_id message*
    5 name_to_trace_id message*
    6 traces_by_id message*
    """,
    traces=GRAPH_DEBUG_INFO_TRACES_ENTRY,
    frames_by_id=GRAPH_DEBUG_INFO_FRAMES_BY_ID_ENTRY,
    name_to_trace_id=GRAPH_DEBUG_INFO_NAME_TO_TRACE_ID_ENTRY,
    traces_by_id=GRAPH_DEBUG_INFO_TRACES_BY_ID_ENTRY,
)
GRAPH_DEF = shape(
    "GraphDef",
    """
    1 node message*
    2 library message
    3 version int
    4 versions message
    5 debug_info message
    """,
    node=NODE_DEF,
    library=FUNCTION_DEF_LIBRARY,
    versions=VERSION_DEF,
    debug_info=GRAPH_DEBUG_INFO,
)
BUNDLE_HEADER = shape("BundleHeaderProto", "1 num_shards int\n2 endianness int\n3 version message", version=VERSION_DEF)
EXTENT = shape("Extent", "1 start int\n2 length int")
TENSOR_SLICE = shape("TensorSliceProto", "1 extent message*", extent=EXTENT)
BUNDLE_ENTRY = shape(
    "BundleEntryProto",
    """
    1 dtype int
    2 shape message
    3 shard_id int
    4 offset int
    5 size int
    6 crc32c fixed32
    7 slices message*
    """,
    shape=TENSOR_SHAPE,
    slices=TENSOR_SLICE,
)
FINGERPRINT_DEF = shape(
    "FingerprintDef",
    """
    1 saved_model_checksum int
    2 graph_def_program_hash int
    3 signature_def_hash int
    4 saved_object_graph_hash int
    5 checkpoint_hash int
    6 version message
    7 uuid text
    """,
    version=VERSION_DEF,
)
FULL_TYPE_DEF.messages[2] = FULL_TYPE_DEF
VARIANT.messages[3] = TENSOR
ATTR_ENTRY.messages[2] = ATTR_VALUE
