"""The flatbuffers of Arrow and of Feather 1, in the words of `flatbuffer.schema`.

Sources: Apache Arrow 25, `format/Message.fbs`, `Schema.fbs`, `File.fbs`; Arrow 0.17, `cpp/src/arrow/ipc/feather.fbs`.
"""

from __future__ import annotations

from weighbridge.formats.grammars.flatbuffer import schema

IPC = schema("""
Message version:i16 header_type:type header:<Header> body_length:i64 custom_metadata:[KeyValue]
Header = Schema DictionaryBatch RecordBatch Tensor SparseTensor
Schema endianness:i16 fields:[Field] custom_metadata:[KeyValue] features:[i64]
Field name:text nullable:bool type_type:type type:<Type> dictionary:DictionaryEncoding children:[Field]
 custom_metadata:[KeyValue]
KeyValue key:text value:text
DictionaryEncoding id:i64 index_type:Int is_ordered:bool kind:i16
Type = Null Int FloatingPoint Binary Utf8 Bool Decimal Date Time Timestamp Interval List Struct Union FixedSizeBinary
 FixedSizeList Map Duration LargeBinary LargeUtf8 LargeList RunEndEncoded BinaryView Utf8View ListView LargeListView
Null
Int bit_width:i32 is_signed:bool
FloatingPoint precision:i16
Binary
Utf8
Bool
Decimal precision:i32 scale:i32 bit_width:i32
Date unit:i16
Time unit:i16 bit_width:i32
Timestamp unit:i16 timezone:text
Interval unit:i16
List
Struct
Union mode:i16 type_ids:[i32]
FixedSizeBinary byte_width:i32
FixedSizeList list_size:i32
Map keys_sorted:bool
Duration unit:i16
LargeBinary
LargeUtf8
LargeList
RunEndEncoded
BinaryView
Utf8View
ListView
LargeListView
RecordBatch length:i64 nodes:[16/8] buffers:[16/8] compression:BodyCompression variadic_buffer_counts:[i64]
BodyCompression codec:i8 method:i8
DictionaryBatch id:i64 data:RecordBatch is_delta:bool
Tensor
SparseTensor
Footer version:i16 schema:Schema dictionaries:[24/8] record_batches:[24/8] custom_metadata:[KeyValue]
""")
FEATHER = schema("""
CTable description:text num_rows:i64 columns:[Column] version:i32 metadata:text
Column name:text values:PrimitiveArray metadata_type:type metadata:<TypeMetadata> user_metadata:text
TypeMetadata = CategoryMetadata TimestampMetadata DateMetadata TimeMetadata
PrimitiveArray type:i8 encoding:i8 offset:i64 length:i64 null_count:i64 total_bytes:i64
CategoryMetadata levels:PrimitiveArray ordered:bool
TimestampMetadata unit:i8 timezone:text
DateMetadata
TimeMetadata unit:i8
""")
