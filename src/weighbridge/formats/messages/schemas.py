"""The messages of sentencepiece, Core ML, Caffe and Paddle as shapes, as far as they can ask for more than numbers.

Sources: sentencepiece 0.2.3, `sentencepiece_model.proto`; coremltools 9.0, `Model.proto`, `NeuralNetwork.proto`,
`MIL.proto`, `LinkedModel.proto`; caffe 1.0, `caffe.proto`; Paddle 2.6, `framework.proto`.
"""

from __future__ import annotations

from weighbridge.formats.grammars.message_walk import with_numbers
from weighbridge.formats.grammars.protobuf import shape

_PIECE = shape("SentencePiece", "1 piece text\n2 score fixed32\n3 type int")
_NORMALIZER = shape(
    "NormalizerSpec",
    """
    1 name text
    2 precompiled_charsmap bytes
    3 add_dummy_prefix int
    4 remove_extra_whitespaces int
    5 escape_whitespaces int
    6 normalization_rule_tsv text
    """,
)
_TEXTS = {1: "input", 5: "accept_language", 30: "control_symbols", 31: "user_defined_symbols"}
_TEXT = {2: "model_prefix", 7: "input_format", 36: "required_chars", 44: "unk_surface", 45: "unk_piece"}
_TEXT |= {46: "bos_piece", 47: "eos_piece", 48: "pad_piece", 53: "pretokenization_delimiter", 54: "seed_file"}
_FLOATS = (10, 15, 51)
_TRAINER = shape(
    "TrainerSpec",
    "\n".join(
        f"{number} {_TEXTS.get(number) or _TEXT.get(number) or f'field{number}'} "
        + ("text*" if number in _TEXTS else "text" if number in _TEXT else "fixed32" if number in _FLOATS else "int")
        for number in range(1, 60)
    ),
)
_SAMPLE = shape("Sample", "1 input text\n2 expected text")
_SELF_TEST = shape("SelfTestData", "1 samples message*", samples=_SAMPLE)
SENTENCEPIECE = shape(
    "ModelProto",
    """
    1 pieces message*
    2 trainer_spec message
    3 normalizer_spec message
    4 self_test_data message
    5 denormalizer_spec message
    """,
    pieces=_PIECE,
    trainer_spec=_TRAINER,
    normalizer_spec=_NORMALIZER,
    self_test_data=_SELF_TEST,
    denormalizer_spec=_NORMALIZER,
)

_CUSTOM = shape("CustomLayerParams", "10 className text\n20 weights bytes*\n30 parameters bytes*\n40 description text")
_CUSTOM_MODEL = shape("CustomModel", "10 className text\n30 parameters bytes*\n40 description text")
_BRANCH = shape("BranchLayerParams", "1 ifBranch message\n2 elseBranch message")
_LOOP = shape("LoopLayerParams", "1 maxLoopIterations int\n2 conditionVar text\n3 condition message\n4 body message")
_LAYER = with_numbers(
    shape(
        "NeuralNetworkLayer",
        """
        1 name text
        2 input text*
        3 output text*
        4 inputTensor bytes*
        5 outputTensor bytes*
        10 isUpdatable int
        500 custom message
        605 branch message
        615 loop message
        """,
        custom=_CUSTOM,
        branch=_BRANCH,
        loop=_LOOP,
    ),
    (number for number in range(100, 1500) if number not in (500, 605, 615)),
    "layer",
)
_NETWORK = with_numbers(
    shape("NeuralNetwork", "1 layers message*", layers=_LAYER), (2, 5, 6, 10, 100, 101, 200), "field"
)
_BRANCH.messages[1] = _BRANCH.messages[2] = _LOOP.messages[3] = _LOOP.messages[4] = _NETWORK
_BLOB = shape("BlobFileValue", "1 fileName text\n2 offset int")
_VALUE = shape(
    "Value", "1 docString text\n2 type bytes\n3 immediateValue bytes\n5 blobFileValue message", blobFileValue=_BLOB
)
_BINDING = shape("Binding", "1 name text\n2 value message", value=_VALUE)
_ARGUMENT = shape("Argument", "1 arguments message*", arguments=_BINDING)
_INPUT = shape("InputsEntry", "1 key text\n2 value message", value=_ARGUMENT)
_ATTRIBUTE = shape("AttributesEntry", "1 key text\n2 value message", value=_VALUE)
_OPERATION = shape(
    "Operation",
    "1 type text\n2 inputs message*\n3 outputs bytes*\n4 blocks message*\n5 attributes message*",
    inputs=_INPUT,
    attributes=_ATTRIBUTE,
)
_BLOCK = shape(
    "Block",
    "1 inputs bytes*\n2 outputs text*\n3 operations message*\n4 attributes message*",
    operations=_OPERATION,
    attributes=_ATTRIBUTE,
)
_OPERATION.messages[4] = _BLOCK
_SPECIALIZATION = shape("BlockSpecializationsEntry", "1 key text\n2 value message", value=_BLOCK)
_FUNCTION = shape(
    "Function",
    "1 inputs bytes*\n2 opset text\n3 block_specializations message*\n4 attributes message*",
    block_specializations=_SPECIALIZATION,
    attributes=_ATTRIBUTE,
)
_FUNCTIONS = shape("FunctionsEntry", "1 key text\n2 value message", value=_FUNCTION)
_PROGRAM = shape(
    "Program",
    "1 version int\n2 functions message*\n3 docString text\n4 attributes message*",
    functions=_FUNCTIONS,
    attributes=_ATTRIBUTE,
)
_PARAMETER = shape("StringParameter", "1 defaultValue text")
_LINKED_FILE = shape("LinkedModelFile", "1 name message\n2 path message", name=_PARAMETER, path=_PARAMETER)
_LINKED = shape("LinkedModel", "1 linkedModelFile message", linkedModelFile=_LINKED_FILE)
_SERIALIZED = shape("SerializedModel", "1 identifier text\n2 model bytes")
_PIPELINE = shape("Pipeline", "1 models message*\n2 names text*")
_IN_PIPELINE = shape("PipelineClassifier", "1 pipeline message", pipeline=_PIPELINE)
_MODELS = {
    "pipelineClassifier": (200, _IN_PIPELINE),
    "pipelineRegressor": (201, _IN_PIPELINE),
    "pipeline": (202, _PIPELINE),
    "neuralNetworkRegressor": (303, _NETWORK),
    "neuralNetworkClassifier": (403, _NETWORK),
    "neuralNetwork": (500, _NETWORK),
    "mlProgram": (502, _PROGRAM),
    "customModel": (555, _CUSTOM_MODEL),
    "linkedModel": (556, _LINKED),
    "serializedModel": (3000, _SERIALIZED),
}
_PLAIN: tuple[int, ...] = (
    300,
    301,
    302,
    304,
    400,
    401,
    402,
    404,
    501,
    560,
    600,
    601,
    602,
    603,
    604,
    606,
    607,
    609,
    610,
    900,
)
_PLAIN += (2000, 2001, 2002, 2003, 2004, 2005, 2006)
"""Models that are numbers, names of features and tables."""
COREML = with_numbers(
    shape(
        "Model",
        "1 specificationVersion int\n2 description bytes\n10 isUpdatable int\n"
        + "\n".join(f"{number} {name} message" for name, (number, _) in _MODELS.items()),
        **{name: inner for name, (_, inner) in _MODELS.items()},
    ),
    _PLAIN,
    "model",
)
_PIPELINE.messages[1] = COREML
COREML_MODELS = frozenset((*_PLAIN, *(number for number, _ in _MODELS.values())))
"""Numbers of the fields that are a model."""

_PYTHON = shape("PythonParameter", "1 module text\n2 layer text\n3 param_str text\n4 share_in_parallel int")
_CAFFE_LAYER = with_numbers(
    shape(
        "LayerParameter",
        "1 name text\n2 type text\n3 bottom text*\n4 top text*\n7 blobs bytes*\n130 python_param message",
        python_param=_PYTHON,
    ),
    (number for number in (5, 6, 8, 9, 10, 11, *range(100, 220)) if number != 130),
    "parameter",
)
CAFFE = with_numbers(
    shape("NetParameter", "1 name text\n3 input text*\n100 layer message*", layer=_CAFFE_LAYER),
    (2, 4, 5, 6, 7, 8),
    "field",
)

_ATTR = with_numbers(
    shape("Attr", "1 name text\n2 type int\n5 s text\n8 strings text*"),
    (3, 4, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21),
    "value",
)
_ATTR = _ATTR._replace(tags={**_ATTR.tags, 16 << 3 | 1: 0, 19 << 3 | 1: 0})
_VAR = shape("Var", "1 parameter text\n2 arguments text*")
_OPERATOR = shape(
    "OpDesc",
    "1 inputs message*\n2 outputs message*\n3 type text\n4 attrs message*\n5 is_target int",
    inputs=_VAR,
    outputs=_VAR,
    attrs=_ATTR,
)
_VARIABLE = with_numbers(shape("VarDesc", "1 name text\n2 type bytes"), (3, 4, 5, 6, 7), "field")
_PADDLE_BLOCK = shape(
    "BlockDesc",
    "1 idx int\n2 parent_idx int\n3 vars message*\n4 ops message*\n5 forward_block_idx int",
    vars=_VARIABLE,
    ops=_OPERATOR,
)
PADDLE = with_numbers(shape("ProgramDesc", "1 blocks message*", blocks=_PADDLE_BLOCK), (3, 4, 5), "field")
