# SPDX-License-Identifier: MIT
"""The state of an optimizer as numbers and texts, by way of the library's own checkpoints (safetensors).  The library
checks every byte of what is given back to it."""

from __future__ import annotations

import json
import os
import struct
import tempfile
from typing import Any

import numpy as np

TYPES = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8"), "BF16": np.dtype("<u2"), "I64": np.dtype("<i8")}


def read(data: bytes) -> tuple[dict[str, str], dict[str, tuple[str, np.ndarray]]]:
    """(metadata, {name: (dtype, array)}) of a safetensors file."""
    (size,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + size])
    meta = header.pop("__metadata__", {})
    found = {}
    for name, row in header.items():
        first, last = row["data_offsets"]
        array = np.frombuffer(data, TYPES[row["dtype"]], (last - first) // TYPES[row["dtype"]].itemsize, 8 + size + first)
        found[name] = (row["dtype"], array.reshape(row["shape"]))
    return meta, found


def write(meta: dict[str, str], tensors: dict[str, tuple[str, np.ndarray]]) -> bytes:
    """The other way round."""
    header: dict[str, Any] = {"__metadata__": meta}
    at = 0
    for name, (dtype, array) in tensors.items():
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": [at, at + array.nbytes]}
        at += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(np.ascontiguousarray(a).tobytes() for _, a in tensors.values())


def snapshot(core) -> bytes:
    """A checkpoint of a core optimizer as bytes."""
    with tempfile.TemporaryDirectory(prefix="luge-") as folder:
        path = os.path.join(folder, "state.safetensors")
        core.save(path)
        with open(path, "rb") as file:
            return file.read()


def restore(core, data: bytes) -> None:
    """Parameters and state from such bytes; what does not fit is refused, and nothing is changed."""
    with tempfile.TemporaryDirectory(prefix="luge-") as folder:
        path = os.path.join(folder, "state.safetensors")
        with open(path, "wb") as file:
            file.write(data)
        core.load(path)
