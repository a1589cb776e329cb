"""What a TFLite model says of itself: two flatbuffers that lie in its metadata.

    TFLITE_METADATA       "M001" at offset 4: what goes in and comes out, which files of the zip belong to it
    CONVERSION_METADATA   no mark; with what the model was converted

Files that the metadata names become references (road `tflite-described`): their content is in the zip at the end of the
model. Custom metadata belongs to a program; its texts are searched. Sources: TensorFlow Lite metadata 1.5,
`metadata_schema.fbs`; TensorFlow 2.21, `conversion_metadata_schema_py_generated.py`.
"""

from __future__ import annotations

from weighbridge.core.facts import FileReference, Metadata, Span
from weighbridge.core.records import TYPE_CHECKING
from weighbridge.formats.base import Match
from weighbridge.formats.grammars.flat_walk import Blob, Walk
from weighbridge.formats.grammars.flatbuffer import Flat, Table, most_tables, schema
from weighbridge.formats.texts.plain import search_strings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from weighbridge.core.facts import Child, Fact
    from weighbridge.core.limits import Budget
    from weighbridge.core.reader import Reader
    from weighbridge.formats.base import BlobInfo

MODEL = schema("""
ContentProperties = FeatureProperties ImageProperties BoundingBoxProperties AudioProperties
ProcessUnitOptions = NormalizationOptions ScoreCalibrationOptions ScoreThresholdingOptions BertTokenizerOptions
  SentencePieceTokenizerOptions RegexTokenizerOptions
AssociatedFile name:text description:text type:i8 locale:text version:text
FeatureProperties
ImageSize width:u32 height:u32
ImageProperties color_space:i8 default_size:ImageSize
AudioProperties sample_rate:u32 channels:u32
BoundingBoxProperties index:[u32] type:i8 coordinate_type:i8
ValueRange min:i32 max:i32
Content content_properties_type:type content_properties:<ContentProperties> range:ValueRange
NormalizationOptions mean:[f32] std:[f32]
ScoreCalibrationOptions score_transformation:i8 default_score:f32
ScoreThresholdingOptions global_score_threshold:f32
BertTokenizerOptions vocab_file:[AssociatedFile]
SentencePieceTokenizerOptions sentence_piece_model:[AssociatedFile] vocab_file:[AssociatedFile]
RegexTokenizerOptions delim_regex_pattern:text vocab_file:[AssociatedFile]
ProcessUnit options_type:type options:<ProcessUnitOptions>
Stats max:[f32] min:[f32]
TensorGroup name:text tensor_names:[text]
TensorMetadata name:text description:text dimension_names:[text] content:Content process_units:[ProcessUnit] stats:Stats
  associated_files:[AssociatedFile]
CustomMetadata name:text data:[u8]
SubGraphMetadata name:text description:text input_tensor_metadata:[TensorMetadata]
  output_tensor_metadata:[TensorMetadata] associated_files:[AssociatedFile] input_process_units:[ProcessUnit]
  output_process_units:[ProcessUnit] input_tensor_groups:[TensorGroup] output_tensor_groups:[TensorGroup]
  custom_metadata:[CustomMetadata]
ModelMetadata name:text description:text version:text subgraph_metadata:[SubGraphMetadata] author:text license:text
  associated_files:[AssociatedFile] min_parser_version:text
""")
CONVERSION = schema("""
Environment tensorflow_version:text api_version:u32 model_type:i32 model_hash:u64
SparsityBlockSize values:[u32]
ConversionOptions model_optimization_modes:[i32] allow_custom_ops:bool enable_select_tf_ops:bool
  force_select_tf_ops:bool sparsity_block_sizes:[SparsityBlockSize]
ConversionMetadata environment:Environment options:ConversionOptions
""")
NAME = "CONVERSION_METADATA"
MARK = b"M001"
_TEXTS = ("name", "description", "version", "author", "license", "min_parser_version")


class TfliteMetadata:
    """The metadata of a TFLite model."""

    name = "tflite-metadata"
    version = 1
    extensions = frozenset((".tflitemeta",))

    def sniff(self, data: Reader, info: BlobInfo) -> Match:
        """YES by the mark; MAYBE by the name that the model gives it."""
        if info.head[4:8] == MARK and 8 <= int.from_bytes(info.head[:4], "little") < data.size:
            return Match.YES
        return Match.MAYBE if info.name == NAME or info.extension in self.extensions else Match.NO

    def parse(self, data: Reader, info: BlobInfo, budget: Budget) -> Iterator[Fact | Span | Child]:
        """Walk the flatbuffer; its texts and the files that it names are facts."""
        conversion = info.name == NAME and data.peek(4, 4) != MARK
        flat = Flat(data)
        schema_, name = (CONVERSION, "ConversionMetadata") if conversion else (MODEL, "ModelMetadata")
        walk = Walk(flat, schema_, budget)
        root = flat.root()
        for event in walk.events(name, root):
            if not isinstance(event, Blob):
                yield event
                continue
            yield from walk.program(event.offset, event.size)
            yield from search_strings(data, event.offset, event.size, "custom metadata", budget)
            yield Span(event.offset, event.size, "data")
        top = Table(flat, schema_, name, root)
        if conversion:
            made = top.table("environment")
            if made is not None:
                version = made.text("tensorflow_version")
                yield from walk.keep(Metadata("tensorflow_version", version, len(version), made.place))
        else:
            yield from _described(top, walk)
        head = 4 if conversion else 8
        yield Span(0, head, "parsed")
        spans, end = walk.owned(head)
        yield from spans
        yield from walk.tail(end)
        yield from walk.oddities()


def _described(top: Table, walk: Walk) -> Iterator[Fact]:
    for name in _TEXTS:
        text = top.text(name)
        if text:
            yield from walk.keep(Metadata(name, text, len(text), top.place))
    left = most_tables(top.flat.reader.size)
    graphs = list(top.tables("subgraph_metadata"))
    tables = [top, *graphs]
    for graph in graphs:
        for side in ("input_tensor_metadata", "output_tensor_metadata"):
            for tensor in graph.tables(side):
                left -= 1
                if left < 0:
                    return
                tables.append(tensor)
    for table in tables:
        for file in table.tables("associated_files"):
            left -= 1
            if left < 0:
                return
            yield from walk.keep(FileReference("tflite-described", file.text("name"), "associated_files", file.place))
