"""The machine sees every way to import and to call, and nothing makes it fail."""

from __future__ import annotations

import pickle
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from build import pickles as p
from weighbridge.core.facts import Call, ComputedImport, Import, Limit, Oddity
from weighbridge.core.limits import Budget, Limits
from weighbridge.core.reader import MemorySource, Reader
from weighbridge.pickle import machine as machine_module
from weighbridge.pickle.machine import Program, interpret

DEFAULT = Limits()


def follow(raw: bytes, limits: Limits = DEFAULT) -> Program:
    return interpret(Reader(MemorySource(raw)), 0, Budget(limits, len(raw)))


def called(raw: bytes) -> list[tuple[str, str, str]]:
    return [(fact.callable, fact.mode, fact.arguments) for fact in follow(raw).facts if isinstance(fact, Call)]


def imported(raw: bytes) -> list[str]:
    return [fact.name for fact in follow(raw).facts if isinstance(fact, Import)]


SYSTEM = [("os.system", "call", "('id')")]
WAYS = {
    "GLOBAL and REDUCE": p.system() + p.STOP,
    "STACK_GLOBAL": p.proto(4) + p.stack_global("os", "system") + p.text("id") + b"\x85R.",
    "INST": b"(S'id'\nios\nsystem\n.",
    "OBJ": b"(" + p.global_("os", "system") + p.text("id") + b"o.",
    "names from the memo": p.text("os")
    + b"q\x05"
    + p.text("system")
    + b"\x94"
    + b"00"
    + b"h\x05h\x01\x93"
    + p.text("id")
    + b"\x85R.",
    "a memo entry that is overwritten": p.text("json")
    + b"q\x00"
    + b"0"
    + p.text("os")
    + b"q\x00"
    + b"0h\x00"
    + p.text("system")
    + b"\x93"
    + p.text("id")
    + b"\x85R.",
    "text keys of the memo": b"Vos\np007\n0Vsystem\np8\n0g7\ng8\n\x93" + p.text("id") + b"\x85R.",
    "DUP and POP decoys": p.text("os")
    + p.text("path")
    + b"0"
    + p.text("system")
    + b"20\x93"
    + p.text("id")
    + b"\x85R.",
    "a decoy above a mark": p.text("os")
    + p.text("system")
    + b"("
    + p.text("json")
    + b"1\x93"
    + p.text("id")
    + b"\x85R.",
    "escapes in UNICODE": b"V\\u006fs\nVsystem\n\x93" + p.text("id") + b"\x85R.",
    "escapes in STRING": b"S'\\x6fs'\nS'system'\n\x93" + p.text("id") + b"\x85R.",
    "names as bytes": b"U\x02osU\x06system\x93" + p.text("id") + b"\x85R.",
    "PROTO in the middle": p.global_("os", "system") + p.proto(2) + p.text("id") + p.proto(0) + b"\x85R.",
    "a result that is dropped": p.system() + b"0N.",
    "a result dropped with its mark": b"(" + p.system() + b"1N.",
    "a broken tail": p.system() + b"\xff\xff\xff",
    "no STOP": p.system(),
    "a stack underflow behind it": p.system() + b"000000",
}


@pytest.mark.parametrize("raw", WAYS.values(), ids=WAYS.keys())
def test_every_way_to_call_is_seen(raw: bytes) -> None:
    assert called(raw) == SYSTEM
    assert "os.system" in imported(raw)


@pytest.mark.parametrize("protocol", range(6))
def test_what_cpython_writes_is_seen_in_every_protocol(protocol: int) -> None:
    class Trojan:
        def __reduce__(self) -> object:
            return print, ("inert",)

    raw = pickle.dumps(Trojan(), protocol)
    program = follow(raw)
    assert program.complete
    assert program.end == len(raw)
    name = "builtins.print" if protocol >= 3 else "__builtin__.print"
    assert [fact.callable for fact in program.facts if isinstance(fact, Call)] == [name]


def test_new_and_new_with_keywords() -> None:
    raw = p.global_("m", "C") + p.text("a") + b"\x85\x81" + p.global_("m", "D") + b")}" + p.text("k") + b"K\x01s\x92."
    assert called(raw) == [("m.C", "new", "('a')"), ("m.D", "new", "({'k', 1})")]


def test_build_on_an_object_and_on_the_global_itself() -> None:
    on_object = p.call("m", "C") + b"}" + p.text("a") + b"K\x01sb."
    assert [fact.shape for fact in follow(on_object).facts if isinstance(fact, Call)] == ["()", "state"]
    on_global = p.global_("m", "f") + b"}b."
    assert [fact.shape for fact in follow(on_global).facts if isinstance(fact, Call)] == ["on the global itself: state"]


@pytest.mark.parametrize("filler", [0, 200])
def test_a_state_with_dunder_keys_is_named(filler: int) -> None:
    other = b"".join(p.text(f"key{index:04}") + b"K\x01" for index in range(filler * 50))
    raw = p.call("m", "C") + b"}(" + other + p.text("__class__") + b"K\x02" + other + b"ub."
    shapes = [fact.shape for fact in follow(raw).facts if isinstance(fact, Call)]
    assert shapes[-1] == "state with __class__"


def test_a_slot_state_is_looked_into() -> None:
    raw = p.call("m", "C") + b"N}" + p.text("__dict__") + b"K\x01s\x86b."
    assert [fact.shape for fact in follow(raw).facts if isinstance(fact, Call)][-1] == "(None, state with __dict__)"


def test_a_computed_name_is_a_fact_of_its_own() -> None:
    raw = p.call("m", "f") + p.text("system") + b"\x93."
    assert any(isinstance(fact, ComputedImport) for fact in follow(raw).facts)


@pytest.mark.parametrize("extension", [b"\x82\x05", b"\x83\x05\x00", b"\x84\x05\x00\x00\x00"])
def test_the_extension_registry_is_a_computed_import(extension: bytes) -> None:
    facts = follow(extension + b".").facts
    assert [fact.expression for fact in facts if isinstance(fact, ComputedImport)] == [
        "extension 5 of the loader's copyreg registry"
    ]


def test_getattr_with_a_constant_name_is_an_import() -> None:
    raw = p.global_("builtins", "getattr") + p.global_("m", "Kind") + p.text("PLAIN") + b"\x86R."
    assert imported(raw) == ["builtins.getattr", "m.Kind", "m.Kind.PLAIN"]


@pytest.mark.parametrize("container", [b"]", b"}", b"\x8f"])
def test_filling_containers_of_the_pickle_itself_is_no_call(container: bytes) -> None:
    fill = {b"]": b"(K\x01K\x02e", b"}": b"(K\x01K\x02u", b"\x8f": b"(K\x01K\x02\x90"}[container]
    assert called(container + fill + b".") == []


def test_appending_to_anything_else_is_a_call() -> None:
    assert called(p.call("m", "C") + b"K\x01a.")[-1][:2] == ("m.C", "append")
    assert called(p.call("m", "C") + b"K\x01K\x02s.")[-1][:2] == ("m.C", "setitem")


def test_persistent_ids() -> None:
    assert called(b"Pfile\n.") == [("persistent_load", "persistent", "'file'")]
    storage = b"(" + p.text("storage") + p.global_("torch", "FloatStorage") + p.text("0") + p.text("cpu") + b"K\x04tQ."
    assert follow(storage).storages == {"0": ("torch.FloatStorage", 4)}


def test_a_frame_that_lies_is_an_oddity() -> None:
    raw = p.proto(4) + b"\x95" + struct.pack("<Q", 1 << 40) + b"N."
    assert [fact.kind for fact in follow(raw).facts if isinstance(fact, Oddity)] == ["frame-beyond-end"]


def test_constants_that_begin_like_a_format_are_payloads() -> None:
    inner = p.proto(2) + p.system() + p.STOP
    raw = b"C" + bytes([len(inner)]) + inner + b"."
    assert follow(raw).payloads == ((2, len(inner)),)


def test_equal_calls_are_counted() -> None:
    raw = b"](" + p.system() * 5 + b"e."
    facts = [fact for fact in follow(raw).facts if isinstance(fact, Call)]
    assert [fact.times for fact in facts] == [5]


def test_many_argument_strings_are_folded_but_not_lost() -> None:
    raw = (
        b"]("
        + b"".join(p.call("m", "f", p.text(f"n{index}")) for index in range(400))
        + p.call("m", "f", p.global_("os", "x"))
        + b"e."
    )
    shapes = {fact.shape for fact in follow(raw).facts if isinstance(fact, Call)}
    assert "(str)" in shapes
    assert "(@os.x)" in shapes


LIMITS = Limits(operations_floor=50_000, operations_per_byte=0, stack=1_000, memo=50, facts=20, values=100)
ENDLESS = {
    "operations_floor": b"N0" * 50_000,
    "stack": b"]" * 5_000,
    "memo": b"".join(b"N" + b"r" + struct.pack("<I", index * 1000) + b"0" for index in range(200)),
    "facts": b"".join(p.global_("m", f"n{index}") + b"0" for index in range(100)),
}


@pytest.mark.parametrize("limit", ENDLESS)
def test_reaching_a_limit_is_a_fact_and_never_complete(limit: str) -> None:
    program = follow(ENDLESS[limit] + b"N.", LIMITS)
    assert not program.complete
    assert program.exhausted
    assert limit in [fact.limit for fact in program.facts if isinstance(fact, Limit)]


def test_beyond_the_memo_limit_strings_and_globals_are_still_known() -> None:
    filler = b"".join(p.text(f"filler {index}") + b"\x94" + b"0" for index in range(200))
    late = p.text("os") + b"\x94" + b"0" + p.text("system") + b"\x94" + b"0"
    raw = filler + late + b"h\xc8h\xc9\x93" + p.text("id") + b"\x85R."
    limits = Limits(memo=50)
    assert [(fact.callable, fact.arguments) for fact in follow(raw, limits).facts if isinstance(fact, Call)] == [
        ("os.system", "('id')")
    ]


def test_beyond_the_value_limit_shapes_are_still_known() -> None:
    nested = b"".join(p.call("m", "f", p.text("x")) + b"\x850" for _ in range(500))
    raw = nested + p.global_("m", "g") + p.global_("m", "C") + b")R\x85R."
    shapes = {fact.callable: fact.shape for fact in follow(raw, Limits(values=100)).facts if isinstance(fact, Call)}
    assert shapes["m.g"] == "(@m.C())"


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300) | st.binary(max_size=300),
    lambda inner: (
        st.lists(inner, max_size=40)
        | st.dictionaries(st.text(max_size=20), inner, max_size=40)
        | st.tuples(inner, inner, inner)
        | st.tuples(inner)
    ),
    max_leaves=60,
)


@given(PLAIN, st.integers(0, 5))
def test_plain_objects_are_followed_to_their_end_without_a_call(value: object, protocol: int) -> None:
    raw = pickle.dumps(value, protocol)
    program = follow(raw)
    assert program.complete, program.broken
    assert program.end == len(raw)
    names = {fact.name for fact in program.facts if isinstance(fact, Import)}
    assert names <= {"_codecs.encode", "__builtin__.bytes", "builtins.bytes"}


@given(st.binary(max_size=400), st.integers(0, 30))
def test_any_bytes_behind_any_prefix_are_survived(tail: bytes, cut: int) -> None:
    prefix = list(WAYS.values())[cut % len(WAYS)][:cut]
    program = follow(prefix + tail)
    assert 0 <= program.end <= len(prefix + tail)


@given(PLAIN, st.lists(st.tuples(st.text(max_size=12), st.floats()), max_size=300), st.integers(2, 5))
def test_skipping_runs_of_constants_changes_nothing(
    value: object, pairs: list[tuple[str, float]], protocol: int
) -> None:
    class Trojan:
        def __reduce__(self) -> object:
            return print, (value, dict(pairs), "os")

    tuples = (
        [(text, number) for text, number in pairs]
        + [(text,) for text, _ in pairs]
        + [(1, text, None) for text, _ in pairs]
    )
    raw = pickle.dumps(
        [dict(pairs), "os", Trojan(), [text for text, _ in pairs], tuples, tuples[:9], Trojan()], protocol
    )
    slow = follow(raw)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine_module, "RUNS_AFTER", 0)
        patch.setattr(machine_module, "RUN_LEAST", 1)
        fast = follow(raw)
    assert fast.complete == slow.complete
    assert fast.end == slow.end
    assert [type(fact) for fact in fast.facts] == [type(fact) for fact in slow.facts]
    assert [getattr(fact, "name", "") for fact in fast.facts] == [getattr(fact, "name", "") for fact in slow.facts]


def test_a_large_dictionary_is_followed_with_runs() -> None:
    class Trojan:
        def __reduce__(self) -> object:
            return print, ("word1999",)

    table = {f"word{index}": index / 7 for index in range(20_000)}
    raw = pickle.dumps([table, "word1999", Trojan()])
    program = follow(raw)
    assert program.complete
    assert [fact.arguments for fact in program.facts if isinstance(fact, Call)] == ["('word1999')"]


@pytest.mark.parametrize("protocol", range(6))
def test_names_are_known_beyond_the_memo_limit_in_every_protocol(protocol: int) -> None:
    class Trojan:
        def __reduce__(self) -> object:
            return print, ("late argument",)

    words = [f"word {index}" for index in range(300)]
    raw = pickle.dumps([words, "late argument", [(word, 1) for word in words], Trojan()], protocol)
    program = follow(raw, Limits(memo=100))
    assert program.complete, program
    calls = [fact for fact in program.facts if isinstance(fact, Call) and fact.callable.endswith(".print")]
    assert [(call.arguments, call.times) for call in calls] == [("('late argument')", 1)]


@pytest.mark.parametrize(
    ("raw", "name"), [(b"cevil\nx", "evil."), (b"cevil\n", "evil."), (b"cevil\nname.", "evil.name")]
)
def test_a_name_that_the_end_of_the_file_cuts_off_is_still_imported(raw: bytes, name: str) -> None:
    """Unpicklers take what is left as the operand and drop its last byte: the module is imported before they fail."""
    assert imported(raw) == [name]


def test_a_number_that_is_too_long_is_a_limit() -> None:
    raw = b"\x80\x04\x8b" + (2 << 20).to_bytes(4, "little") + b"\x7f" * (2 << 20) + b"."
    program = follow(raw)
    assert [(fact.limit, fact.offset) for fact in program.facts if isinstance(fact, Limit)] == [("number", 2)]


@pytest.mark.parametrize(
    "raw",
    [
        b"\x80\x04\x8e" + (2**63).to_bytes(8, "little") + b"abc.",
        b"\x80\x04\x8d" + (2**63).to_bytes(8, "little") + b"abc.",
        b"\x80\x05\x96" + (2**63).to_bytes(8, "little") + b"abc.",
        b"\x80\x04\x95" + (2**63).to_bytes(8, "little") + b"N.",
        b"\x80\x04" + b"]" * 1_200_000 + b"a" * 1_199_999 + b".",
        b"(" * 1_200_000 + b".",
    ],
    ids=["bytes of 2^63", "text of 2^63", "bytearray of 2^63", "frame of 2^63", "lists in lists", "marks"],
)
def test_absurd_sizes_are_within_bounds_and_never_clean(raw: bytes) -> None:
    program = follow(raw)
    lies = any(isinstance(fact, Oddity) for fact in program.facts)
    assert not program.complete or lies
