"""Descriptions of tensors, opcode by opcode: what is carried over, and what is refused because it is not what it seems."""

from __future__ import annotations

import json
import random
import shutil
import struct
from typing import TYPE_CHECKING

import pytest

from build import pickles as p
from build.checkpoints import ORDERED, archive, number, numbers, storage, table, tensor, tensor_v3, written
from build.containers import torch_legacy, zipped
from build.running import Outcome, command
from weighbridge.formats.archives import zip as archives

if TYPE_CHECKING:
    from pathlib import Path

RAW = bytes(range(48))
FLOATS = storage("0", "FloatStorage", 12)
WHOLE = tensor(FLOATS, (3, 4), (4, 1))


def convert(folder: Path, content: bytes, *options: str, name: str = "m.pt") -> Outcome:
    (folder / name).write_bytes(content)
    return command("convert", folder / name, "--output", folder / "out", "--format", "json", *options)


def tensors_of(folder: Path, content: bytes, *options: str) -> dict[str, tuple[str, tuple[int, ...], bytes]]:
    outcome = convert(folder, content, *options)
    assert outcome.status == 0, outcome.out
    return written(folder / "out" / "m.safetensors").tensors


def refused(folder: Path, content: bytes, *options: str) -> str:
    outcome = convert(folder, content, *options)
    assert outcome.status == 1, (outcome.out, outcome.err)
    assert sorted(path.name for path in folder.iterdir()) == ["m.pt"]
    document = outcome.json()
    assert document["converted"] is False
    assert document["mend"]
    return str(document["refusal"])


def test_a_tensor_is_its_storage(tmp_path: Path) -> None:
    assert tensors_of(tmp_path, archive(table({"a": WHOLE}), {"0": RAW})) == {"a": ("F32", (3, 4), RAW)}


def test_strides_and_offsets_are_worked_out(tmp_path: Path) -> None:
    turned = tensor(FLOATS, (4, 3), (1, 4))
    part = tensor(FLOATS, (2,), (1,), offset=5)
    same = tensor(FLOATS, (2, 3), (0, 0), offset=1)
    found = tensors_of(tmp_path, archive(table({"t": turned, "p": part, "s": same}), {"0": RAW}))
    items = [RAW[place : place + 4] for place in range(0, 48, 4)]
    assert found["t"] == ("F32", (4, 3), b"".join(items[row * 4 + column] for column in range(4) for row in range(3)))
    assert found["p"] == ("F32", (2,), RAW[20:28])
    assert found["s"] == ("F32", (2, 3), items[1] * 6)


def test_one_tensor_under_two_names_is_written_once(tmp_path: Path) -> None:
    outcome = convert(tmp_path, archive(table({"b": WHOLE, "a": WHOLE, "c": tensor(FLOATS, (12,), (1,))}), {"0": RAW}))
    file = written(tmp_path / "out" / "m.safetensors")
    assert set(file.tensors) == {"a", "c"}
    assert file.metadata == {"format": "pt", "b": "a"}
    assert outcome.json()["shared"] == [{"name": "b", "kept": "a", "file": "m.safetensors"}]


@pytest.mark.parametrize(
    ("dtype", "name"), [("float8_e4m3fn", "F8_E4M3"), ("float8_e5m2", "F8_E5M2"), ("uint16", "U16"), ("uint64", "U64")]
)
def test_types_without_a_storage_of_their_own(tmp_path: Path, dtype: str, name: str) -> None:
    item = {"U16": 2, "U64": 8}.get(name, 1)
    value = tensor_v3(storage("0", "UntypedStorage", 48), (48 // item,), (1,), dtype)
    assert tensors_of(tmp_path, archive(table({"a": value}), {"0": RAW})) == {"a": (name, (48 // item,), RAW)}


def test_big_endian_numbers_are_turned_round(tmp_path: Path) -> None:
    half = tensor(storage("1", "HalfStorage", 2), (2,), (1,))
    pair = tensor(storage("2", "ComplexFloatStorage", 1), (1,), (1,))
    turned = tensor(FLOATS, (4, 3), (1, 4))
    content = table({"a": WHOLE, "h": half, "c": pair, "t": turned})
    storages = {"0": struct.pack(">12f", *range(12)), "1": b"\x01\x02\x03\x04", "2": struct.pack(">2f", 1, 2)}
    found = tensors_of(tmp_path, archive(content, storages, b"big"))
    assert found["a"][2] == struct.pack("<12f", *range(12))
    assert found["h"][2] == b"\x02\x01\x04\x03"
    assert found["c"][2] == struct.pack("<2f", 1, 2)
    assert found["t"][2] == struct.pack("<12f", *(row * 4 + column for column in range(4) for row in range(3)))


def test_a_big_endian_type_without_a_storage_is_refused(tmp_path: Path) -> None:
    value = tensor_v3(storage("0", "UntypedStorage", 48), (24,), (1,), "uint16")
    assert "big-endian" in refused(tmp_path, archive(table({"a": value}), {"0": RAW}, b"big"))


def test_a_byte_order_that_is_none_is_refused(tmp_path: Path) -> None:
    assert "byte order" in refused(tmp_path, archive(table({"a": WHOLE}), {"0": RAW}, b"middle"))


def test_parameters_and_typed_tensors(tmp_path: Path) -> None:
    parameter = p.global_("torch._utils", "_rebuild_parameter") + b"(" + WHOLE + b"\x88" + ORDERED + b"tR"
    inner = b"(" + FLOATS + number(0) + numbers((12,)) + numbers((1,)) + b"\x89" + ORDERED + b"t"
    typed = p.global_("torch._tensor", "_rebuild_from_type_v2") + b"(" + p.global_("torch._utils", "_rebuild_tensor_v2")
    typed += p.global_("torch.nn.parameter", "Parameter") + inner + b"}tR"
    found = tensors_of(tmp_path, archive(table({"a": parameter, "b": typed}), {"0": RAW}))
    assert found == {"a": ("F32", (3, 4), RAW), "b": ("F32", (12,), RAW)}


CHANGED = {
    "an item": WHOLE + b"K\x00K\x01s",
    "a state": WHOLE + b"}b",
    "its storage": b"(" + FLOATS + b"K\x00K\x01st0" + WHOLE,
}


@pytest.mark.parametrize("value", CHANGED.values(), ids=CHANGED.keys())
def test_what_is_changed_after_it_was_made_is_refused(tmp_path: Path, value: bytes) -> None:
    refused(tmp_path, archive(table({"a": value}), {"0": RAW}))


LIES = {
    "beyond the storage": (tensor(FLOATS, (4, 4), (4, 1)), {"0": RAW}),
    "beyond by its offset": (tensor(FLOATS, (3, 4), (4, 1), offset=1), {"0": RAW}),
    "beyond by its stride": (tensor(FLOATS, (2,), (12,)), {"0": RAW}),
    "a negative length": (tensor(FLOATS, (-1,), (1,)), {"0": RAW}),
    "a negative offset": (tensor(FLOATS, (1,), (1,), offset=-1), {"0": RAW}),
    "more strides than lengths": (tensor(FLOATS, (3,), (1, 1)), {"0": RAW}),
    "absurdly many elements": (tensor(FLOATS, (2**31 - 1,) * 4, (0,) * 4), {"0": RAW}),
    "a gigabyte of one element": (tensor(FLOATS, (2**28,), (0,)), {"0": RAW}),
    "no storage": (tensor(storage("9", "FloatStorage", 12), (3, 4), (4, 1)), {"0": RAW}),
    "a storage that is too short": (WHOLE, {"0": RAW[:-4]}),
    "marked as a conjugate": (tensor(FLOATS, (12,), (1,), more=table({"conj": b"\x88"})), {"0": RAW}),
    "quantized": (tensor(storage("0", "QInt8Storage", 48), (48,), (1,)), {"0": RAW}),
    "two packed in a byte": (
        tensor_v3(storage("0", "UntypedStorage", 48), (48,), (1,), "float4_e2m1fn_x2"),
        {"0": RAW},
    ),
}


@pytest.mark.parametrize(("value", "storages"), LIES.values(), ids=LIES.keys())
def test_what_does_not_add_up_is_refused(tmp_path: Path, value: bytes, storages: dict[str, bytes]) -> None:
    refused(tmp_path, archive(table({"a": value}), storages))


def test_a_state_that_would_replace_the_content_is_refused(tmp_path: Path) -> None:
    state = table({"data": WHOLE})
    made = p.global_("torch._utils", "_rebuild_parameter_with_state")
    value = made + b"(" + WHOLE + b"\x88" + ORDERED + state + b"tR"
    assert "attributes" in refused(tmp_path, archive(table({"a": value}), {"0": RAW}))


def test_the_last_of_equal_keys_counts(tmp_path: Path) -> None:
    first, last = tensor(FLOATS, (2,), (1,)), tensor(FLOATS, (3,), (1,))
    twice = b"}(" + p.text("a") + first + p.text("a") + last + b"u"
    assert tensors_of(tmp_path, archive(twice, {"0": RAW}))["a"][1] == (3,)


def test_a_reserved_name_is_refused(tmp_path: Path) -> None:
    assert "__metadata__" in refused(tmp_path, archive(table({"__metadata__": WHOLE}), {"0": RAW}))


def test_names_may_be_of_any_length_and_script(tmp_path: Path) -> None:
    names = ["größe", "x" * 3000, 'a"b', "層.0"]
    found = tensors_of(
        tmp_path,
        archive(
            table({names[0]: WHOLE} | {n: tensor(FLOATS, (k,), (1,)) for k, n in enumerate(names[1:], 1)}),
            {"0": RAW},
        ),
    )
    assert set(found) == set(names)


def test_old_files_with_a_view_of_a_storage(tmp_path: Path) -> None:
    # Before 1.6 a storage could be a part of another one: (key of the part, first element, elements).
    part = b"(" + p.text("77") + number(4) + number(2) + b"t"
    value = tensor(storage("0", "FloatStorage", 12, part), (2,), (1,))
    content = torch_legacy_of(table({"a": value}), ["0"], [RAW])
    assert tensors_of(tmp_path, content) == {"a": ("F32", (2,), RAW[16:24])}


def torch_legacy_of(value: bytes, keys: list[str], raws: list[bytes], listed: list[str] | None = None) -> bytes:
    import pickle

    out = torch_legacy().partition(b"\x80\x02ccollections")[0] + p.proto(2) + value + p.STOP
    out += pickle.dumps(keys if listed is None else listed, 2)
    return out + b"".join(struct.pack("<q", len(raw) // 4) + raw for raw in raws)


def test_storages_stand_in_the_order_of_the_list(tmp_path: Path) -> None:
    content = table(
        {
            "a": tensor(storage("0", "FloatStorage", 1), (1,), (1,)),
            "b": tensor(storage("1", "FloatStorage", 1), (1,), (1,)),
        }
    )
    found = tensors_of(tmp_path, torch_legacy_of(content, ["1", "0"], [b"bbbb", b"aaaa"]))
    assert {name: raw for name, (_, _, raw) in found.items()} == {"a": b"aaaa", "b": b"bbbb"}


@pytest.mark.parametrize("listed", [[], ["0"], ["0", "0"], ["0", "1", "2"], ["0", "2"]])
def test_a_list_of_storages_that_is_not_the_objects_is_refused(tmp_path: Path, listed: list[str]) -> None:
    content = table(
        {
            "a": tensor(storage("0", "FloatStorage", 1), (1,), (1,)),
            "b": tensor(storage("1", "FloatStorage", 1), (1,), (1,)),
        }
    )
    refused(tmp_path, torch_legacy_of(content, [], [b"aaaa", b"bbbb"], listed))


def test_every_cut_is_refused(tmp_path: Path) -> None:
    content = archive(table({"a": WHOLE}), {"0": RAW})
    old = torch_legacy_of(table({"a": WHOLE}), ["0"], [RAW])
    for whole in (content, old):
        for end in range(1, len(whole), 23):
            refused(tmp_path, whole[:end])
        refused(tmp_path, whole + b"more")


def test_a_compressed_storage_is_refused(tmp_path: Path) -> None:
    import zipfile

    members = {"a/data.pkl": p.proto(2) + table({"a": WHOLE}) + p.STOP, "a/data/0": RAW}
    refused(tmp_path, zipped(members, method=zipfile.ZIP_DEFLATED))


# What is chosen


def test_the_usual_keys_lead_to_the_weights_and_the_rest_is_told(tmp_path: Path) -> None:
    optimizer = table({"state": table({"m": tensor(FLOATS, (2,), (1,))}), "lr": b"G" + struct.pack(">d", 0.5)})
    content = table({"epoch": number(3), "state_dict": table({"a": WHOLE}), "optimizer": optimizer, "loss": WHOLE})
    outcome = convert(tmp_path, archive(content, {"0": RAW}))
    assert outcome.status == 0, outcome.out
    assert set(written(tmp_path / "out" / "m.safetensors").tensors) == {"a"}
    told = json.loads((tmp_path / "out" / "m.rest.json").read_text())
    assert told == {
        "epoch": 3,
        "optimizer": {"state": {"m": {"tensor": {"dtype": "F32", "shape": [2]}}}, "lr": 0.5},
        "loss": {"tensor": {"dtype": "F32", "shape": [3, 4]}},
    }
    left_out = {entry["key"]: entry for entry in outcome.json()["left_out"]}
    assert set(left_out) == {"epoch", "optimizer", "loss"}
    assert left_out["epoch"] == {"source": "m.pt", "key": "epoch", "what": "3", "file": "m.rest.json"}


def test_the_rest_can_be_left_away_but_never_in_silence(tmp_path: Path) -> None:
    content = table({"epoch": number(3), "state_dict": table({"a": WHOLE})})
    outcome = convert(tmp_path, archive(content, {"0": RAW}), "--only-tensors")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["m.safetensors"]
    assert [(entry["key"], entry["file"]) for entry in outcome.json()["left_out"]] == [("epoch", "")]


def test_two_tables_are_a_question(tmp_path: Path) -> None:
    part = tensor(FLOATS, (2,), (1,))
    content = archive(table({"encoder": table({"a": WHOLE}), "decoder": table({"b": part})}), {"0": RAW})
    assert "several places" in refused(tmp_path, content)
    assert set(tensors_of(tmp_path, content, "--key", "decoder")) == {"b"}


def test_flatten_takes_all_tensors_by_the_keys_that_lead_to_them(tmp_path: Path) -> None:
    part = tensor(FLOATS, (2,), (1,))
    content = table({"encoder": table({"a": WHOLE}), "parts": b"](" + part + number(7) + b"e"})
    assert set(tensors_of(tmp_path, archive(content, {"0": RAW}), "--flatten")) == {"encoder.a", "parts.0"}


def test_names_that_would_fall_together_are_refused(tmp_path: Path) -> None:
    content = table({"a.b": WHOLE, "a": table({"b": tensor(FLOATS, (2,), (1,))})})
    assert "two tensors" in refused(tmp_path, archive(content, {"0": RAW}), "--flatten")


def test_a_key_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    outcome = convert(tmp_path, archive(table({"a": WHOLE}), {"0": RAW}), "--key", "model")
    assert outcome.status == 1
    assert "keys are: a" in outcome.json()["mend"]


def test_more_tensors_than_the_machine_keeps_of_a_container(tmp_path: Path) -> None:
    many = {f"layer.{index}": tensor(FLOATS, (1 + index % 12,), (1,)) for index in range(3000)}
    tensors_of(tmp_path, archive(table(many), {"0": RAW}))
    found = written(tmp_path / "out" / "m.safetensors")
    assert len(found.tensors) + len(found.metadata) - 1 == 3000
    for name in many:
        index = int(name.partition(".")[2])
        dtype, shape, raw = found.tensors[found.metadata.get(name, name)]
        assert (dtype, shape, raw) == ("F32", (1 + index % 12,), RAW[: 4 + 4 * (index % 12)])


def test_memo_references_that_grow_without_end_are_told_or_refused(tmp_path: Path) -> None:
    # Each list holds the one before it twice: 2^40 values, told as JSON they would never end.
    bomb = b"]q\x00" + b"".join(b"](h" + bytes([k]) + b"h" + bytes([k]) + b"eq" + bytes([k + 1]) for k in range(18))
    content = archive(table({"state_dict": table({"a": WHOLE}), "bomb": bomb}), {"0": RAW})
    assert refused(tmp_path, content)


def test_a_directory_that_is_longer_than_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "_SNIFFED", 40)
    assert set(tensors_of(tmp_path, archive(table({"a": WHOLE}), {"0": RAW}))) == {"a"}


@pytest.mark.parametrize("seed", range(4))
def test_changed_bytes_are_refused_or_come_out_whole(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    content = table({"epoch": number(3), "model": table({"a": WHOLE, "b": tensor(FLOATS, (4, 3), (1, 4))})})
    whole = archive(content, {"0": RAW}) if seed % 2 else torch_legacy_of(content, ["0"], [RAW])
    done = 0
    for _ in range(120):
        changed = bytearray(whole)
        for _ in range(chance.randint(1, 3)):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        outcome = convert(tmp_path, bytes(changed))
        assert outcome.status in (0, 1), outcome.err
        assert (tmp_path / "out").exists() == (outcome.status == 0)
        if outcome.status == 0:
            done += 1
            for file in (tmp_path / "out").glob("*.safetensors"):
                written(file)
            shutil.rmtree(tmp_path / "out")
    assert 0 < done < 120
