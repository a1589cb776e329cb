"""The messages of SavedModels, and of what lies beside their graphs, as shapes.

Sources: TensorFlow 2.21, `tensorflow/core/framework` and `tensorflow/core/protobuf`; tf_keras 2.21,
`protobuf/saved_metadata.proto`; tensorflow_hub 0.16, `module_def.proto`. A test holds them against the descriptors of
the library.
"""

from __future__ import annotations

from weighbridge.formats.grammars.protobuf import shape
from weighbridge.formats.tensorflow.schema import (
    GRAPH_DEF,
    OP_LIST,
    TENSOR,
    TENSOR_SHAPE,
    TEXT_ENTRY,
    VERSION_DEF,
)

ANY = shape("Any", "1 type_url text\n2 value bytes")
META_INFO_DEF = shape(
    "MetaInfoDef",
    """
    1 meta_graph_version text
    2 stripped_op_list message
    3 any_info message
    4 tags text*
    5 tensorflow_version text
    6 tensorflow_git_version text
    7 stripped_default_attrs int
    8 function_aliases message*
    """,
    stripped_op_list=OP_LIST,
    any_info=ANY,
    function_aliases=TEXT_ENTRY,
)
SAVER_DEF = shape(
    "SaverDef",
    """
    1 filename_tensor_name text
    2 save_tensor_name text
    3 restore_op_name text
    4 max_to_keep int
    5 sharded int
    6 keep_checkpoint_every_n_hours fixed32
    7 version int
    """,
)
COLLECTION_DEF_NODE_LIST = shape("NodeList", "1 value text*")
COLLECTION_DEF_BYTES_LIST = shape("BytesList", "1 value bytes*")
COLLECTION_DEF_INT64_LIST = shape("Int64List", "1 value int*")
COLLECTION_DEF_FLOAT_LIST = shape("FloatList", "1 value fixed32*")
COLLECTION_DEF_ANY_LIST = shape("AnyList", "1 value message*", value=ANY)
COLLECTION_DEF = shape(
    "CollectionDef",
    """
    1 node_list message
    2 bytes_list message
    3 int64_list message
    4 float_list message
    5 any_list message
    """,
    node_list=COLLECTION_DEF_NODE_LIST,
    bytes_list=COLLECTION_DEF_BYTES_LIST,
    int64_list=COLLECTION_DEF_INT64_LIST,
    float_list=COLLECTION_DEF_FLOAT_LIST,
    any_list=COLLECTION_DEF_ANY_LIST,
)
COLLECTION_ENTRY = shape("CollectionDefEntry", "1 key text\n2 value message", value=COLLECTION_DEF)
TENSOR_INFO_COO_SPARSE = shape(
    "CooSparse", "1 values_tensor_name text\n2 indices_tensor_name text\n3 dense_shape_tensor_name text"
)
NONE_VALUE = shape("NoneValue", "")
TENSOR_SPEC_PROTO = shape("TensorSpecProto", "1 name text\n2 shape message\n3 dtype int", shape=TENSOR_SHAPE)
BOUNDED_TENSOR_SPEC_PROTO = shape(
    "BoundedTensorSpecProto",
    """
    1 name text
    2 shape message
    3 dtype int
    4 minimum message
    5 maximum message
    """,
    shape=TENSOR_SHAPE,
    minimum=TENSOR,
    maximum=TENSOR,
)
LIST_VALUE = shape("ListValue", "1 values message*")
TUPLE_VALUE = shape("TupleValue", "1 values message*")
DICT_VALUE_FIELDS_ENTRY = shape("FieldsEntry", "1 key text\n2 value message")
DICT_VALUE = shape("DictValue", "1 fields message*", fields=DICT_VALUE_FIELDS_ENTRY)
PAIR_VALUE = shape("PairValue", "1 key text\n2 value message")
NAMED_TUPLE_VALUE = shape("NamedTupleValue", "1 name text\n2 values message*", values=PAIR_VALUE)
STRUCTURED_VALUE = shape(
    "StructuredValue",
    """
    1 none_value message
    11 float64_value fixed64
    12 int64_value int
    13 string_value text
    14 bool_value int
    31 tensor_shape_value message
    32 tensor_dtype_value int
    33 tensor_spec_value message
    34 type_spec_value message
    35 bounded_tensor_spec_value message
    51 list_value message
    52 tuple_value message
    53 dict_value message
    54 named_tuple_value message
    55 tensor_value message
    56 numpy_value message
    """,
    none_value=NONE_VALUE,
    tensor_shape_value=TENSOR_SHAPE,
    tensor_spec_value=TENSOR_SPEC_PROTO,
    bounded_tensor_spec_value=BOUNDED_TENSOR_SPEC_PROTO,
    list_value=LIST_VALUE,
    tuple_value=TUPLE_VALUE,
    dict_value=DICT_VALUE,
    named_tuple_value=NAMED_TUPLE_VALUE,
    tensor_value=TENSOR,
    numpy_value=TENSOR,
)
TYPE_SPEC = shape(
    "TypeSpecProto",
    "1 type_spec_class int\n2 type_state message\n3 type_spec_class_name text\n4 num_flat_components int",
    type_state=STRUCTURED_VALUE,
)
TENSOR_INFO_COMPOSITE_TENSOR = shape(
    "CompositeTensor", "1 type_spec message\n2 components message*", type_spec=TYPE_SPEC
)
TENSOR_INFO = shape(
    "TensorInfo",
    """
    1 name text
    2 dtype int
    3 tensor_shape message
    4 coo_sparse message
    5 composite_tensor message
    """,
    tensor_shape=TENSOR_SHAPE,
    coo_sparse=TENSOR_INFO_COO_SPARSE,
    composite_tensor=TENSOR_INFO_COMPOSITE_TENSOR,
)
INFO_ENTRY = shape("InputsEntry", "1 key text\n2 value message", value=TENSOR_INFO)
SIGNATURE_DEF_DEFAULTS_ENTRY = shape("DefaultsEntry", "1 key text\n2 value message", value=TENSOR)
SIGNATURE_DEF = shape(
    "SignatureDef",
    "1 inputs message*\n2 outputs message*\n3 method_name text\n4 defaults message*",
    inputs=INFO_ENTRY,
    outputs=INFO_ENTRY,
    defaults=SIGNATURE_DEF_DEFAULTS_ENTRY,
)
SIGNATURE_ENTRY = shape("SignatureDefEntry", "1 key text\n2 value message", value=SIGNATURE_DEF)
ASSET_FILE_DEF = shape("AssetFileDef", "1 tensor_info message\n2 filename text", tensor_info=TENSOR_INFO)
OBJECT_REFERENCE = shape("ObjectReference", "1 node_id int\n2 local_name text")
SLOT_REFERENCE = shape(
    "SlotVariableReference", "1 original_variable_node_id int\n2 slot_name text\n3 slot_variable_node_id int"
)
SAVED_USER_OBJECT = shape(
    "SavedUserObject", "1 identifier text\n2 version message\n3 metadata text", version=VERSION_DEF
)
SAVED_ASSET = shape("SavedAsset", "1 asset_file_def_index int")
FUNCTION_SPEC = shape(
    "FunctionSpec",
    "1 fullargspec message\n2 is_method int\n5 input_signature message\n6 jit_compile int",
    fullargspec=STRUCTURED_VALUE,
    input_signature=STRUCTURED_VALUE,
)
SAVED_FUNCTION = shape(
    "SavedFunction", "1 concrete_functions text*\n2 function_spec message", function_spec=FUNCTION_SPEC
)
SAVED_VARIABLE = shape(
    "SavedVariable",
    """
    1 dtype int
    2 shape message
    3 trainable int
    4 synchronization int
    5 aggregation int
    6 name text
    7 device text
    8 experimental_distributed_variable_components message*
    """,
    shape=TENSOR_SHAPE,
)
SAVED_BARE_CONCRETE_FUNCTION = shape(
    "SavedBareConcreteFunction",
    """
    1 concrete_function_name text
    2 argument_keywords text*
    3 allowed_positional_arguments int
    4 function_spec message
    """,
    function_spec=FUNCTION_SPEC,
)
SAVED_CONSTANT = shape("SavedConstant", "1 operation text")
SAVED_RESOURCE = shape("SavedResource", "1 device text")
CAPTURED_TENSOR = shape("CapturedTensor", "1 name text\n2 concrete_function text")
SAVEABLE_OBJECT = shape("SaveableObject", "2 save_function int\n3 restore_function int")
SAVED_OBJECT_SAVEABLE_OBJECTS_ENTRY = shape(
    "SaveableObjectsEntry", "1 key text\n2 value message", value=SAVEABLE_OBJECT
)
SAVED_OBJECT = shape(
    "SavedObject",
    """
    1 children message*
    3 slot_variables message*
    4 user_object message
    5 asset message
    6 function message
    7 variable message
    8 bare_concrete_function message
    9 constant message
    10 resource message
    11 saveable_objects message*
    12 captured_tensor message
    13 registered_name text
    14 serialized_user_proto message
    15 dependencies message*
    16 registered_saver text
    """,
    children=OBJECT_REFERENCE,
    slot_variables=SLOT_REFERENCE,
    user_object=SAVED_USER_OBJECT,
    asset=SAVED_ASSET,
    function=SAVED_FUNCTION,
    variable=SAVED_VARIABLE,
    bare_concrete_function=SAVED_BARE_CONCRETE_FUNCTION,
    constant=SAVED_CONSTANT,
    resource=SAVED_RESOURCE,
    saveable_objects=SAVED_OBJECT_SAVEABLE_OBJECTS_ENTRY,
    captured_tensor=CAPTURED_TENSOR,
    serialized_user_proto=ANY,
    dependencies=OBJECT_REFERENCE,
)
SAVED_CONCRETE_FUNCTION = shape(
    "SavedConcreteFunction",
    "2 bound_inputs int*\n3 canonicalized_input_signature message\n4 output_signature message",
    canonicalized_input_signature=STRUCTURED_VALUE,
    output_signature=STRUCTURED_VALUE,
)
SAVED_OBJECT_GRAPH_CONCRETE_FUNCTIONS_ENTRY = shape(
    "ConcreteFunctionsEntry", "1 key text\n2 value message", value=SAVED_CONCRETE_FUNCTION
)
SAVED_OBJECT_GRAPH = shape(
    "SavedObjectGraph",
    "1 nodes message*\n2 concrete_functions message*",
    nodes=SAVED_OBJECT,
    concrete_functions=SAVED_OBJECT_GRAPH_CONCRETE_FUNCTIONS_ENTRY,
)
META_GRAPH_DEF = shape(
    "MetaGraphDef",
    """
    1 meta_info_def message
    2 graph_def message
    3 saver_def message
    4 collection_def message*
    5 signature_def message*
    6 asset_file_def message*
    7 object_graph_def message
    """,
    meta_info_def=META_INFO_DEF,
    graph_def=GRAPH_DEF,
    saver_def=SAVER_DEF,
    collection_def=COLLECTION_ENTRY,
    signature_def=SIGNATURE_ENTRY,
    asset_file_def=ASSET_FILE_DEF,
    object_graph_def=SAVED_OBJECT_GRAPH,
)
SAVED_MODEL = shape(
    "SavedModel", "1 saved_model_schema_version int\n2 meta_graphs message*", meta_graphs=META_GRAPH_DEF
)
KERAS_OBJECT = shape(
    "SavedObject",
    """
    2 node_id int
    3 node_path text
    4 identifier text
    5 metadata text
    6 version message
    """,
    version=VERSION_DEF,
)
KERAS_METADATA = shape("SavedMetadata", "1 nodes message*", nodes=KERAS_OBJECT)
HUB_MODULE = shape("ModuleDef", "1 format int\n2 required_features text*")
LIST_VALUE.messages[1] = STRUCTURED_VALUE
TUPLE_VALUE.messages[1] = STRUCTURED_VALUE
DICT_VALUE_FIELDS_ENTRY.messages[2] = STRUCTURED_VALUE
PAIR_VALUE.messages[2] = STRUCTURED_VALUE
STRUCTURED_VALUE.messages[34] = TYPE_SPEC
TENSOR_INFO_COMPOSITE_TENSOR.messages[2] = TENSOR_INFO
SAVED_VARIABLE.messages[8] = SAVED_VARIABLE
