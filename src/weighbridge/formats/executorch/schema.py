"""The schemas of ExecuTorch: programs, files of tensors, programs with test cases, graphs of its XNNPACK back end.

The language is that of `flatbuffer.schema`. Sources: executorch 1.5.1, `schema/program.fbs`, `scalar_type.fbs`,
`extension/flat_tensor/serialize/flat_tensor.fbs`, `devtools/bundled_program/schema/bundled_program_schema.fbs`,
`backends/xnnpack/serialization/runtime_schema.fbs`.
"""

from __future__ import annotations

from weighbridge.formats.grammars.flatbuffer import schema

PROGRAM = schema("""
KernelTypes = Null Int Bool Double Tensor String IntList DoubleList BoolList TensorList OptionalTensorList
InstructionArguments = KernelCall DelegateCall MoveCall JumpFalseCall FreeCall
ContainerMetadata encoded_inp_str:text encoded_out_str:text
Null
AllocationDetails memory_id:u32 memory_offset_low:u32 memory_offset_high:u32
ExtraTensorInfo mutable_data_segments_idx:u64 fully_qualified_name:text location:i8 device_type:i8 device_index:i8
Tensor scalar_type:i8 storage_offset:i32 sizes:[i32] dim_order:[u8] requires_grad:bool data_buffer_idx:u32
  allocation_info:AllocationDetails layout:i8 shape_dynamism:i8 extra_tensor_info:ExtraTensorInfo
Int int_val:i64
Bool bool_val:bool
Double double_val:f64
String string_val:text
IntList items:[i64]
DoubleList items:[f64]
BoolList items:[bool]
TensorList items:[i32]
OptionalTensorList items:[i32]
EValue val_type:type val:<KernelTypes>
Operator name:text overload:text
KernelCall op_index:i32 args:[i32]
DelegateCall delegate_index:i32 args:[i32]
MoveCall move_from:i32 move_to:i32
JumpFalseCall cond_value_index:i32 destination_instruction:i32
FreeCall value_index:i32
Instruction instr_args_type:type instr_args:<InstructionArguments>
Frame filename:text lineno:i32 name:text context:text
FrameList items:[Frame]
BackendDelegateDataReference location:i8 index:u32
CompileSpec key:text value:[u8]
BackendDelegate id:text processed:BackendDelegateDataReference compile_specs:[CompileSpec]
Chain inputs:[i32] outputs:[i32] instructions:[Instruction] stacktrace:[FrameList]
NonConstBufferDevice buffer_idx:i32 device_type:i8 device_index:i8
ExecutionPlan name:text container_meta_type:ContainerMetadata values:[EValue] inputs:[i32] outputs:[i32] chains:[Chain]
  operators:[Operator] delegates:[BackendDelegate] non_const_buffer_sizes:[i64]
  non_const_buffer_device:[NonConstBufferDevice]
Buffer storage:[u8]
BackendDelegateInlineData data:[u8]
DataSegment offset:u64 size:u64
SubsegmentOffsets segment_index:u32 offsets:[u64]
NamedData key:text segment_index:u32
Program version:u32 execution_plan:[ExecutionPlan] constant_buffer:[Buffer]
  backend_delegate_data:[BackendDelegateInlineData] segments:[DataSegment] constant_segment:SubsegmentOffsets
  mutable_data_segments:[SubsegmentOffsets] named_data:[NamedData]
""")
FLAT_TENSOR = schema("""
TensorLayout scalar_type:i8 sizes:[i32] dim_order:[u8]
DataSegment offset:u64 size:u64
NamedData key:text segment_index:u32 tensor_layout:TensorLayout
FlatTensor version:u32 segments:[DataSegment] named_data:[NamedData]
""")
BUNDLED = schema("""
ValueUnion = Tensor Int Bool Double
Int int_val:i64
Bool bool_val:bool
Double double_val:f64
Tensor scalar_type:i8 sizes:[i32] data:[u8] dim_order:[u8]
Value val_type:type val:<ValueUnion>
BundledMethodTestCase inputs:[Value] expected_outputs:[Value]
BundledMethodTestSuite method_name:text test_cases:[BundledMethodTestCase]
BundledProgram version:u32 method_test_suites:[BundledMethodTestSuite] program:[u8]
""")
XNNPACK = schema("""
XNNQuantParams = PerChannelQuant PerTensorQuant PerTokenDynamicQuant PerChannelGroupQuant
XNodeUnion = Node2x1 FullyConnected Node1x1 Node1x1 StaticTranspose Node1x1 NodeConv Node2x1 StaticResizeBilinear2D
  StaticConstantPad Pooling2D Node2x1 NodeConv Pooling2D Node2x1 Node2x1 Node1x1 Node1x1 Node1x1 StaticReshape
  ArgMaxPooling2d Node1x1 Node1x1 Node1x1 LeakyReLU Node2x1 Node1x1 Node1x1 ELU Node1x1 Node2x1 Cat Cat Cat StaticSlice
  ScaledDotProductAttention Node2x1 Cat NodeConv Node1x1 Node1x1 Node1x1 Node1x1 Node1x1 Node1x1 Node1x1 Node1x1
XValueUnion = XNNTensorValue XNNQuantizedTensorValue
Buffer storage:[u8]
PerChannelQuant scale:[f32] channel_dim:i32 scale_buffer_idx:u32 num_scales:u32
PerTokenDynamicQuant num_nonbatch_dims:i32
PerTensorQuant scale:f32 zero_point:i32
PerChannelGroupQuant scale:[f32] channel_dim:i32 group_size:i32 scale_bf16:[u16] scale_buffer_idx:u32 num_scales:u32
XNNTensorValue datatype:i16 num_dims:u32 dims:[u32] constant_buffer_idx:u32 external_id:u32 flags:u32 id_out:u32
  dq_datatype:i16
XNNQuantizedTensorValue tensor_value:XNNTensorValue quant_params_type:type quant_params:<XNNQuantParams>
OutputMinMax output_min:f32 output_max:f32
XNode xnode_union_type:type xnode_union:<XNodeUnion> debug_handle:u32 output_min_max:OutputMinMax
XValue xvalue_union_type:type xvalue_union:<XValueUnion>
StaticTranspose num_dims:u32 perm:[u32] input_id:u32 output_id:u32 flags:u32
StaticResizeBilinear2D new_height:u32 new_width:u32 input_id:u32 output_id:u32 flags:u32
StaticConstantPad pre_paddings:[u32] post_paddings:[u32] padding_value:f32 input_id:u32 output_id:u32 flags:u32
Node2x1 input1_id:u32 input2_id:u32 output_id:u32 flags:u32
Node1x1 input_id:u32 output_id:u32 flags:u32
Cat axis:u32 input1_id:u32 input2_id:u32 input3_id:u32 input4_id:u32 output_id:u32 flags:u32 input5_id:u32
ELU alpha:f32 input_id:u32 output_id:u32 flags:u32
FullyConnected input1_id:u32 filter_id:u32 bias_id:u32 output_id:u32 flags:u32
NodeConv padding_top:u32 padding_right:u32 padding_bottom:u32 padding_left:u32 kernel_height:u32 kernel_width:u32
  subsampling_height:u32 subsampling_width:u32 dilation_height:u32 dilation_width:u32 group_input_channels:u32
  group_output_channels:u32 groups:u32 adjustment_height:u32 adjustment_width:u32 input1_id:u32 filter_id:u32
  bias_id:u32 output_id:u32 flags:u32
Pooling2D padding_top:u32 padding_right:u32 padding_bottom:u32 padding_left:u32 pooling_height:u32 pooling_width:u32
  stride_height:u32 stride_width:u32 dilation_height:u32 dilation_width:u32 input_id:u32 output_id:u32 flags:u32
StaticReshape num_dims:u32 new_shape:[u32] input_id:u32 output_id:u32 flags:u32
StaticSlice num_dims:u32 offsets:[u32] sizes:[u32] input_id:u32 output_id:u32 flags:u32
ScaledDotProductAttention query_id:u32 key_id:u32 value_id:u32 scale_id:u32 mask_id:u32 output_id:u32 flags:u32
ArgMaxPooling2d padding_top:u32 padding_right:u32 padding_bottom:u32 padding_left:u32 pooling_height:u32
  pooling_width:u32 input_id:u32 output_value_id:u32 output_index_id:u32 flags:u32
LeakyReLU negative_slope:f32 input_id:u32 output_id:u32 flags:u32
ConstantDataOffset offset:u64 size:u64 named_key:text
XNNGraph version:text xnodes:[XNode] xvalues:[XValue] num_externs:u32 input_ids:[u32] output_ids:[u32]
  constant_buffer:[Buffer] mem_buffer_sizes:[u32] constant_data:[ConstantDataOffset]
""")
SCALARS: dict[int, tuple[str, int]] = {
    0: ("BYTE", 8),
    1: ("CHAR", 8),
    2: ("SHORT", 16),
    3: ("INT", 32),
    4: ("LONG", 64),
    5: ("HALF", 16),
    6: ("FLOAT", 32),
    7: ("DOUBLE", 64),
    11: ("BOOL", 8),
    12: ("QINT8", 8),
    13: ("QUINT8", 8),
    14: ("QINT32", 32),
    15: ("BFLOAT16", 16),
    16: ("QUINT4X2", 8),
    17: ("QUINT2X4", 8),
    22: ("BITS16", 16),
    23: ("FLOAT8E5M2", 8),
    24: ("FLOAT8E4M3FN", 8),
    25: ("FLOAT8E5M2FNUZ", 8),
    26: ("FLOAT8E4M3FNUZ", 8),
    27: ("UINT16", 16),
    28: ("UINT32", 32),
    29: ("UINT64", 64),
}
"""ScalarType → its name and the bits of one element."""
