"""Generators of malformed weights files and cards."""

from __future__ import annotations

import bz2
import collections
import gzip
import io
import json
import lzma
import pickle
import re
import struct
import tarfile
import zipfile
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import safetensors.torch
import torch

from roboreg_core.models import checkpoints
from tests.conftest import random_network

State = dict[str, Any]
Make = Callable[[], bytes]
SAFE, TORCH = ".safetensors", ".pt"
_LARGE = 2_600_000_000


def torch_bytes(value: Any, **how: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **how)
    return buffer.getvalue()


@lru_cache
def state() -> State:
    return random_network().state_dict()


@lru_cache
def whole(form: str) -> bytes:
    """A valid file: `ours`, `safe` (without our header), `zip` or `legacy`."""
    return {
        "ours": lambda: checkpoints.to_bytes(random_network()),
        "safe": lambda: safetensors.torch.save(state()),
        "zip": lambda: torch_bytes(state()),
        "legacy": lambda: torch_bytes(state(), _use_new_zipfile_serialization=False),
    }[form]()


FORMS = {"ours": SAFE, "zip": TORCH, "legacy": TORCH}


def truncated() -> dict[str, Make]:
    """Cut after a few bytes, in the header or pickle, in the data, and before the last byte."""
    shares = (1e-6, 2e-5, 1e-4, 1e-3, 5e-3, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 0.9999)
    return {
        f"{form} cut at {share:g}{suffix}": lambda form=form, share=share: whole(form)[: int(len(whole(form)) * share)]
        for form, suffix in FORMS.items()
        for share in shares
    } | {f"{form} without its last byte{suffix}": lambda form=form: whole(form)[:-1] for form, suffix in FORMS.items()}


def flipped() -> dict[str, Make]:
    """One byte inverted: in lengths and names of safetensors, and in checked data of zip archives."""

    def flip(form: str, place: int) -> bytes:
        content = bytearray(whole(form))
        content[place] ^= 0xFF
        return bytes(content)

    places = {
        "ours": (0, 1, 2, 3, 4, 7, 8, 9, 10, 40),
        "zip": (0, 1, 2, 200, 1_000, 5_000, 200_000, 500_000, 900_000),
        "legacy": (0, 2, 10, 14, 18, 100),
    }
    return {
        f"{form} flipped at {place}{FORMS[form]}": lambda form=form, place=place: flip(form, place)
        for form, some in places.items()
        for place in some
    }


def other_formats() -> dict[str, Make]:
    arrays = io.BytesIO()
    np.savez(arrays, **{"conv1.weight": np.zeros(3)})
    plain = io.BytesIO()
    np.save(plain, np.zeros(3))
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("storages"), io.BytesIO())
    contents = {
        "nothing": b"",
        "one byte": b"P",
        "eight zeros": bytes(8),
        "a thousand zeros": bytes(1_000),
        "text": b"These are no weights.\n" * 10,
        "html": b"<!DOCTYPE html><html><body>404</body></html>",
        "png": b"\x89PNG\r\n\x1a\n" + bytes(100),
        "gzip": gzip.compress(b"x" * 1_000),
        "tar": tar.getvalue(),
        "npz": arrays.getvalue(),
        "npy": plain.getvalue(),
        "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(100),
        "pickle": pickle.dumps({"conv1.weight": [1.0]}),
        "zip magic alone": b"PK\x03\x04",
        "empty zip": b"PK\x05\x06" + bytes(18),
        "json": b'{"conv1.weight": 1}',
    }
    return {
        f"{name}{suffix}": lambda content=content: content
        for name, content in contents.items()
        for suffix in (SAFE, TORCH)
    }


class _Storage:
    def __init__(self, kind: Any, key: str, count: int) -> None:
        self.pid = ("storage", kind, key, "cpu", count)


class _Call:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


class _Pickler(pickle._Pickler):  # type: ignore[name-defined]
    def persistent_id(self, value: Any) -> Any:
        return value.pid if isinstance(value, _Storage) else None


def zipped(value: Any, entries: dict[str, bytes] | None = None, pickled: bytes | None = None) -> bytes:
    """An archive as torch writes it, of any pickle and entries."""
    stream = io.BytesIO()
    if pickled is None:
        _Pickler(stream, protocol=2).dump(value)
    files = {"data.pkl": pickled or stream.getvalue(), "byteorder": b"little", "version": b"3\n", **(entries or {})}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name if name.startswith("/") else f"archive/{name}", data)
    return buffer.getvalue()


def _tensor(count: int, shape: tuple[int, ...], stride: tuple[int, ...], kind: Any = None) -> _Call:
    storage = _Storage(kind or torch.FloatStorage, "0", count)
    return _Call(torch._utils._rebuild_tensor_v2, storage, 0, shape, stride, False, collections.OrderedDict())


def rewritten(change: Callable[[zipfile.ZipInfo, bytes], tuple[str, bytes]], how: int = zipfile.ZIP_STORED) -> bytes:
    """The valid archive with each entry changed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole("zip"))) as source, zipfile.ZipFile(buffer, "w", how) as target:
        for entry in source.infolist():
            target.writestr(*change(entry, source.read(entry)))
    return buffer.getvalue()


def bomb(how: int, megabytes: int) -> bytes:
    """An archive with a compressed entry of zeros."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how, compresslevel=1) as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({}, protocol=2))
        with archive.open("archive/data/0", "w") as entry:
            for _ in range(megabytes):
                entry.write(bytes(2**20))
    return buffer.getvalue()


def understated() -> bytes:
    """An archive whose directory claims one byte for an entry that unpacks to 100 MB."""
    content = bomb(zipfile.ZIP_DEFLATED, 100)
    return content.replace(struct.pack("<I", 100 * 2**20), struct.pack("<I", 1))


def many_entries() -> bytes:
    """An archive whose directory lists 600,000 entries."""
    entry = struct.pack("<4s4B4HL2L5H2L", b"PK\x01\x02", 20, 3, 20, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    directory = entry * 600_000
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65_535, 65_535, len(directory), 30, 0)
    return b"PK\x03\x04" + bytes(26) + directory + end


def two_entries_of_one_name(second: str) -> bytes:
    buffer = io.BytesIO(whole("zip"))
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(second, pickle.dumps({}, protocol=2))
    return buffer.getvalue()


def copies(function: bytes) -> bytes:
    """A pickle of 100 kB that copies a container thousands of times."""
    entries = b"".join(b"M" + struct.pack("<H", number) + b"N" for number in range(15_000))
    return b"\x80\x02](}q\x00(" + entries + b"u" + function + b"q\x01" + b"h\x01h\x00\x85R" * 8_000 + b"e."


def encoded(encoding: bytes, count: int) -> bytes:
    """A pickle that encodes a text of 100 kB `count` times."""
    text = b"X" + struct.pack("<I", 100_000) + b"a" * 100_000 + b"q\x00"
    encoding = b"X" + struct.pack("<I", len(encoding)) + encoding + b"q\x01"
    calls = b"h\x02h\x00h\x01\x86R" * count
    return b"\x80\x02](" + text + encoding + b"c_codecs\nencode\nq\x02" + calls + b"e."


def many_blocks() -> State:
    """Blocks that fit each other, in deeply nested modules, in a number that no architecture has."""
    weight, norm = torch.zeros(3, 3, 3, 3), torch.zeros(3)
    found: State = {}
    for number in range(300):
        module = f"{'a.' * 90}{number}"
        for part in range(2 if number else 1):
            found |= {f"{module}.conv{part}.weight": weight}
            found |= {f"{module}.bn{part}.{leaf}": norm for leaf in ("weight", "bias", "running_mean", "running_var")}
    return found | {"z.weight": torch.zeros(2, 3), "z.bias": torch.zeros(2)}


def bombs() -> dict[str, Make]:
    nested = bomb(zipfile.ZIP_DEFLATED, 50)
    wide = b"\x80\x02}(X\x01\x00\x00\x00aM" + b"\x01\x00K\x01(" + b"K\x01" * 50_000 + b"tu."
    builds = (
        b"\x80\x02](}q\x00(" + b"X\x01\x00\x00\x00aN" + b"uccollections\nOrderedDict\nq\x01" + b"h\x01)Rh\x00b" * 9_000
    )
    return {
        f"deflated to 400 MB{TORCH}": lambda: bomb(zipfile.ZIP_DEFLATED, 400),
        f"bzip2 of 20 MB{TORCH}": lambda: bomb(zipfile.ZIP_BZIP2, 20),
        f"lzma of 20 MB{TORCH}": lambda: bomb(zipfile.ZIP_LZMA, 20),
        f"understated size{TORCH}": understated,
        f"600,000 entries{TORCH}": many_entries,
        f"zip in zip{TORCH}": lambda: zipped({}, {"data/0": nested}),
        f"zip of a zip alone{TORCH}": lambda: rewritten(lambda entry, data: ("inner/net.pt", nested)),
        f"gzip of a file{TORCH}": lambda: gzip.compress(whole("zip"), 1),
        f"bz2 of a file{TORCH}": lambda: bz2.compress(whole("zip"), 1),
        f"xz of a file{TORCH}": lambda: lzma.compress(whole("zip"), preset=0),
        f"compressed entries{TORCH}": lambda: rewritten(
            lambda entry, data: (entry.filename, data), zipfile.ZIP_DEFLATED
        ),
        f"bytearray of 2.6 GB{TORCH}": lambda: zipped({"a": _Call(bytearray, _LARGE)}),
        f"tensor of 2.6 GB{TORCH}": lambda: zipped({"a": _Call(torch.Tensor, _LARGE // 4)}),
        f"storage of 2.6 GB{TORCH}": lambda: zipped({"a": _tensor(_LARGE, (_LARGE,), (1,))}, {"data/0": bytes(4)}),
        f"tensor beyond its storage{TORCH}": lambda: zipped({"a": _tensor(1, (400,), (1,))}, {"data/0": bytes(4)}),
        f"view of 2**40 elements{TORCH}": lambda: torch_bytes(
            {**state(), "linear.weight": torch.zeros(1).expand(2**20, 2**20)}
        ),
        f"sparse with a view of 2**40 indices{TORCH}": lambda: zipped(
            {
                "a": _Call(
                    torch._utils._rebuild_sparse_tensor,
                    torch.sparse_coo,
                    (
                        _tensor(1, (1, 2**40), (0, 0), torch.LongStorage),
                        _tensor(1, (2**40,), (0,)),
                        torch.Size((2**40,)),
                        False,
                    ),
                )
            },
            {"data/0": bytes(8)},
        ),
        f"copied dictionaries{TORCH}": lambda: zipped(None, pickled=copies(b"ccollections\nOrderedDict\n")),
        f"copied counters{TORCH}": lambda: zipped(None, pickled=copies(b"ccollections\nCounter\n")),
        f"copied attributes{TORCH}": lambda: zipped(None, pickled=builds + b"e."),
        f"encoded texts{TORCH}": lambda: zipped(None, pickled=encoded(b"latin1", 8_000)),
        f"an encoding that compresses{TORCH}": lambda: zipped(None, pickled=encoded(b"zlib", 1)),
        f"a numpy array of objects{TORCH}": lambda: torch_bytes({**state(), "a": np.array([exec, 1], dtype=object)}),
        f"a numpy type of 2.6 GB{TORCH}": lambda: zipped({"a": _Call(np.dtype, f"V{_LARGE // 2}")}),
        f"a numpy array of 2.6 GB{TORCH}": lambda: zipped({"a": _Call(np.ndarray, (_LARGE,), np.dtype("u1"))}),
        f"numpy's memory map{TORCH}": lambda: zipped({"a": _Call(np.memmap, "/etc/hostname")}),
        f"a tuple of 50,000{TORCH}": lambda: zipped(None, pickled=wide),
        f"many blocks with long names{TORCH}": lambda: torch_bytes(many_blocks()),
        f"a pickle of 10 MB{TORCH}": lambda: zipped(None, pickled=b"\x80\x02](" + b"N" * 10_000_000 + b"e."),
        f"a pickle of nested lists{TORCH}": lambda: zipped(
            None, pickled=b"\x80\x02" + b"]" * 50_000 + b"a" * 49_999 + b"."
        ),
        f"1,100 tensors{TORCH}": lambda: torch_bytes({str(number): torch.zeros(1) for number in range(1_100)}),
        f"15 million elements{TORCH}": lambda: torch_bytes({**state(), "a": torch.zeros(15_000_000)}),
        f"15 million elements{SAFE}": lambda: safetensors.torch.save({**state(), "a": torch.zeros(15_000_000)}),
        f"5,000 tensors{SAFE}": lambda: _header({str(number): _entry(0, 0) for number in range(5_000)}),
        f"header of 2**62 bytes{SAFE}": lambda: struct.pack("<Q", 2**62) + b"{}",
        f"header of 60 MB{SAFE}": lambda: struct.pack("<Q", 60_000_000) + b"{" + b" " * 59_999_998 + b"}",
    }


def _entry(start: int, end: int, dtype: str = "F32") -> dict[str, Any]:
    return {"dtype": dtype, "shape": [(end - start) // 4], "data_offsets": [start, end]}


def _header(entries: Any, data: bytes = b"") -> bytes:
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text + data


def headers() -> dict[str, Make]:
    """Malformed headers of safetensors files."""
    good = json.dumps(_entry(0, 4)).encode()
    texts = {
        "no object": b"[1, 2]",
        "null": b"null",
        "nested 100,000 deep": b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        "nested 900 deep": b'{"a": ' + b"[" * 900 + b"]" * 900 + b"}",
        "a key twice": b'{"a": ' + good + b', "a": ' + good + b"}",
        "an offset of 5,000 digits": b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, '
        + b"9" * 5_000
        + b"]}}",
        "an offset of 30 digits": b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, ' + b"9" * 30 + b"]}}",
        "a negative offset": b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}}',
        "a shape beyond the data": b'{"a": {"dtype": "F32", "shape": [4000000000], "data_offsets": [0, 4]}}',
        "overlapping tensors": b'{"a": ' + good + b', "b": ' + good + b"}",
        "an unknown dtype": b'{"a": {"dtype": "F33", "shape": [1], "data_offsets": [0, 4]}}',
        "a text for an entry": b'{"a": "b"}',
        "no UTF-8": b'{"\xff\xfe": ' + good + b"}",
        "metadata that is a list": b'{"__metadata__": [1], "a": ' + good + b"}",
    }
    return {f"header: {name}{SAFE}": lambda text=text: _header(text, bytes(4)) for name, text in texts.items()}


def metadata() -> dict[str, Make]:
    """Our metadata in an otherwise valid file."""
    third = "[0.5, 0.5, 0.5]"
    texts = {
        "no JSON": "{",
        "a list": "[]",
        "a number": "1",
        "null": "null",
        "nested 100,000 deep": "[" * 100_000 + "]" * 100_000,
        "a key twice": f'{{"normalisation": {{"mean": {third}, "std": {third}, "std": {third}}}}}',
        "no normalisation": '{"schedule": [16]}',
        "one mean": f'{{"normalisation": {{"mean": [0.5], "std": {third}}}}}',
        "a mean of 5,000 digits": f'{{"normalisation": {{"mean": [1{"0" * 5_000}, 0, 0], "std": {third}}}}}',
        "a mean of 400 digits": f'{{"normalisation": {{"mean": [1{"0" * 400}, 0, 0], "std": {third}}}}}',
        "an infinite mean": f'{{"normalisation": {{"mean": [1e999, 0, 0], "std": {third}}}}}',
        "NaN": f'{{"normalisation": {{"mean": [NaN, 0, 0], "std": {third}}}}}',
        "texts": f'{{"normalisation": {{"mean": ["a", "b", "c"], "std": {third}}}}}',
        "booleans": f'{{"normalisation": {{"mean": [true, true, true], "std": {third}}}}}',
        "a deviation of zero": f'{{"normalisation": {{"mean": {third}, "std": [0, 1, 1]}}}}',
        "an unknown field": f'{{"normalisation": {{"mean": {third}, "std": {third}, "more": {third}}}}}',
    }
    return {
        f"metadata: {name}{SAFE}": lambda text=text: safetensors.torch.save(state(), {checkpoints.HEADER_KEY: text})
        for name, text in texts.items()
    }


def tensors() -> dict[str, Make]:
    """State dicts with one wrong tensor or key."""
    bias, weight = "linear.bias", "linear.weight"
    plain: dict[str, State] = {
        "complex64": {bias: torch.zeros(10, dtype=torch.complex64)},
        "bool": {bias: torch.zeros(10, dtype=torch.bool)},
        "int64": {bias: torch.zeros(10, dtype=torch.int64)},
        "uint8": {bias: torch.zeros(10, dtype=torch.uint8)},
        "uint16": {bias: torch.zeros(10, dtype=torch.uint16)},
        "float8": {bias: torch.zeros(10).to(torch.float8_e4m3fn)},
        "a counter of bool": {"bn1.num_batches_tracked": torch.tensor(True)},
        "a counter of another shape": {"bn1.num_batches_tracked": torch.zeros(5, dtype=torch.int64)},
        "NaN": {bias: torch.full((10,), torch.nan)},
        "infinity": {weight: torch.full((10, 64), torch.inf)},
        "minus infinity in half": {bias: torch.full((10,), -torch.inf, dtype=torch.float16)},
        "NaN in bfloat16": {bias: torch.full((10,), torch.nan, dtype=torch.bfloat16)},
        "1e300 in double": {bias: torch.full((10,), 1e300, dtype=torch.float64)},
        "negative variances": {"bn1.running_var": torch.full((16,), -1.0)},
        "one slightly negative variance": {"layer3.2.bn2.running_var": torch.linspace(-1e-30, 1, 64)},
        "another shape": {weight: torch.zeros(100, 64)},
        "a transposed shape": {weight: torch.zeros(64, 10)},
        "a scalar": {weight: torch.zeros(())},
        "no elements": {weight: torch.zeros(0, 64)},
        "too wide": {"layer1.0.conv1.weight": torch.zeros(17, 16, 3, 3)},
        "no filters": {"layer1.0.conv1.weight": torch.zeros(0, 16, 3, 3)},
        "a convolution without dimensions": {"layer1.0.conv1.weight": torch.zeros(())},
        "one tensor more": {"head.weight": torch.zeros(2)},
        "a name in another script": {"слой.вес": torch.zeros(2)},
        "a name of 10,000 characters": {"x" * 10_000: torch.zeros(2)},
        "a name of two lines": {"a\nb\r\x1b[31m": torch.zeros(2)},
        "an empty name": {"": torch.zeros(2)},
        "a name twice, with and without prefix": {f"module.{bias}": torch.zeros(10)},
        "linear and fc": {"fc.bias": torch.zeros(10)},
        "option B": {"layer2.0.shortcut.0.weight": torch.zeros(32, 16, 1, 1)},
        "a tenth block": {"layer1.3.conv1.weight": torch.zeros(16, 16, 3, 3)},
    }
    without = {key: value for key, value in state().items() if key != bias}
    only_torch: State = {
        "complex128": {bias: torch.zeros(10, dtype=torch.complex128)},
        "sparse": {weight: torch.zeros(10, 64).to_sparse()},
        "sparse rows": {weight: torch.zeros(10, 64).to_sparse_csr()},
        "quantised": {weight: torch.quantize_per_tensor(torch.zeros(10, 64), 0.1, 0, torch.qint8)},
        "meta": {weight: torch.zeros(10, 64, device="meta")},
        "numpy": {weight: np.zeros((10, 64))},
        "a list": {weight: [0.0] * 640},
        "a number": {weight: 0.5},
        "None": {weight: None},
        "a key that is a number": {7: torch.zeros(2)},
        "a key that is a tuple": {("a",): torch.zeros(2)},
    }
    masked = {key.replace("conv1.weight", "conv1.weight_orig"): value for key, value in state().items()}
    whole_values: State = {
        "an empty dictionary": {},
        "an empty wrapper": {"state_dict": {}},
        "a list": [1, 2, 3],
        "a tensor": torch.zeros(3),
        "None": None,
        "a missing tensor": without,
        "four wrappers around a wrapper": {"a": {"b": {"c": {"d": {"e": state()}}}}},
        "a wrapper in itself": _cycle(),
        "a hundred networks": {str(number): dict(state()) for number in range(100)},
        "a mask without its weight": state() | {"linear.weight_mask": torch.zeros(10, 64)},
        "a mask of another shape": masked | {"conv1.weight_mask": torch.zeros(3)},
        "a bias without batch norm": {k: v for k, v in state().items() if "bn1" not in k}
        | {"conv1.bias": torch.ones(16)},
        "optimiser state alone": {"optimizer": {"state": {}, "param_groups": []}},
    }
    made = {f"{name}{TORCH}": torch_bytes(state() | change) for name, change in (plain | only_torch).items()}
    legacy = ("complex64", "sparse", "quantised", "negative variances", "NaN", "one tensor more")
    made |= {
        f"legacy {name}{TORCH}": torch_bytes(state() | (plain | only_torch)[name], _use_new_zipfile_serialization=False)
        for name in legacy
    }
    made |= {f"all of it {name}{TORCH}": torch_bytes(value) for name, value in whole_values.items()}
    made |= {f"{name}{SAFE}": safetensors.torch.save(state() | change) for name, change in plain.items()}
    made[f"a missing tensor{SAFE}"] = safetensors.torch.save(without)
    return {name: lambda content=content: content for name, content in made.items()}


def archives() -> dict[str, Make]:
    """Valid weights in malformed archives, and code in every place."""
    pickled = next(data for name, data in _entries() if name.endswith("data.pkl"))
    return {
        f"absolute paths{TORCH}": lambda: rewritten(
            lambda entry, data: (f"/etc/{entry.filename.split('/')[-1]}", data)
        ),
        f"paths upwards{TORCH}": lambda: rewritten(lambda entry, data: (f"../../{entry.filename}x", data)),
        f"no folder{TORCH}": lambda: rewritten(lambda entry, data: (entry.filename.split("/")[-1], data)),
        f"no pickle{TORCH}": lambda: rewritten(lambda entry, data: (entry.filename.replace("data.pkl", "other"), data)),
        f"no data{TORCH}": lambda: zipped(None, pickled=pickled),
        f"a name twice{TORCH}": lambda: two_entries_of_one_name("archive/data.pkl"),
        f"a name twice but for case{TORCH}": lambda: two_entries_of_one_name("archive/DATA.PKL"),
        f"big-endian mark of another kind{TORCH}": lambda: rewritten(
            lambda entry, data: (entry.filename, b"middle" if entry.filename.endswith("byteorder") else data)
        ),
        f"a version that is no number{TORCH}": lambda: rewritten(
            lambda entry, data: (entry.filename, b"new" if entry.filename.endswith("version") else data)
        ),
        f"entries marked as encrypted{TORCH}": lambda: re.sub(
            rb"(PK\x01\x02.{4}).", b"\\1\x01", whole("zip"), flags=re.DOTALL
        ),
        f"code{TORCH}": lambda: zipped({"a": _Call(exec, "raise SystemExit(7)")}),
        f"code by name{TORCH}": lambda: zipped(None, pickled=b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R."),
        f"code in old opcodes{TORCH}": lambda: zipped(None, pickled=b"(S'ls'\nios\nsystem\n."),
        f"code in protocol 4{TORCH}": lambda: zipped(None, pickled=pickle.dumps(_Call(exec, "1"), protocol=4)),
        f"TorchScript{TORCH}": lambda: zipped(None, {"constants.pkl": b"\x80\x02)."}, pickled=b"\x80\x02)."),
    }


def _cycle() -> State:
    value: State = {str(number): {} for number in range(50)}
    for inner in value.values():
        inner.update(value)
    return value


def _entries() -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(whole("zip"))) as archive:
        return [(entry.filename, archive.read(entry)) for entry in archive.infolist()]


def weights() -> dict[str, Make]:
    """All malformed weights files: name with suffix, and generator."""
    return truncated() | flipped() | other_formats() | bombs() | headers() | metadata() | tensors() | archives()


def cards() -> dict[str, bytes]:
    """Malformed cards; `SHA` stands for the SHA-256 of the weights."""
    values: dict[str, Any] = {
        "a list": [],
        "a text": "x",
        "a number": 1,
        "null": None,
        "another digest": {"sha256": "0" * 64},
        "a digest that is a number": {"sha256": 5},
        "an accuracy that is a text": {"sha256": "SHA", "accuracy": "good"},
        "an accuracy that is a list": {"sha256": "SHA", "accuracy": [0.9]},
        "a test accuracy that is a text": {"sha256": "SHA", "accuracy": {"test": "0.9"}},
        "a test accuracy that is true": {"sha256": "SHA", "accuracy": {"test": True}},
        "a test accuracy of 90": {"sha256": "SHA", "accuracy": {"test": 90}},
        "a test accuracy of NaN": {"sha256": "SHA", "accuracy": {"test": float("nan")}},
        "epochs that are a text": {"sha256": "SHA", "recipe": {"epochs": "many"}},
    }
    texts = {
        "nothing": b"",
        "no JSON": b"{",
        "no UTF-8": b'{"sha256": "\xff"}',
        "nested 100,000 deep": b"[" * 100_000 + b"]" * 100_000,
        "a seed of 5,000 digits": b'{"sha256": "SHA", "seed": ' + b"9" * 5_000 + b"}",
        "a key twice": b'{"sha256": "SHA", "sha256": "SHA"}',
        "10 MB": b'{"sha256": "SHA", "note": "' + b"x" * 10_000_000 + b'"}',
    }
    return texts | {name: json.dumps(value).encode() for name, value in values.items()}
