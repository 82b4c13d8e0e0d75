"""CT slices as DICOM files, byte by byte: any tag may be wrong or missing."""

import struct
from pathlib import Path

import numpy as np

SYNTAX = "1.2.840.10008.1.2.1"
CLASS = "1.2.840.10008.5.1.4.1.1.2"

Tags = dict[tuple[int, int], tuple[str, str | int | None]]


def tags_of(number: int, spacing: float, pixel: float) -> Tags:
    """Return the tags of slice ``number`` of a good series."""
    return {
        (0x0008, 0x0016): ("UI", CLASS),
        (0x0008, 0x0018): ("UI", f"1.2.3.4.{number + 1}"),
        (0x0008, 0x0060): ("CS", "CT"),
        (0x0018, 0x0050): ("DS", "5"),
        (0x0020, 0x000D): ("UI", "1.2.3"),
        (0x0020, 0x000E): ("UI", "1.2.3.4"),
        (0x0020, 0x0013): ("IS", str(number + 1)),
        (0x0020, 0x0032): ("DS", f"-8\\-8\\{spacing * number:g}"),
        (0x0020, 0x0037): ("DS", "1\\0\\0\\0\\1\\0"),
        (0x0028, 0x0002): ("US", 1),
        (0x0028, 0x0004): ("CS", "MONOCHROME2"),
        (0x0028, 0x0010): ("US", 16),
        (0x0028, 0x0011): ("US", 16),
        (0x0028, 0x0030): ("DS", f"{pixel:g}\\{pixel:g}"),
        (0x0028, 0x0100): ("US", 16),
        (0x0028, 0x0101): ("US", 16),
        (0x0028, 0x0102): ("US", 15),
        (0x0028, 0x0103): ("US", 1),
        (0x0028, 0x1052): ("DS", "-1024"),
        (0x0028, 0x1053): ("DS", "1"),
    }


def slice_bytes(tags: Tags, pixels: np.ndarray) -> bytes:
    """Return a DICOM file; tags of value None are left out."""
    meta = {
        (0x0002, 0x0002): ("UI", CLASS),
        (0x0002, 0x0003): ("UI", "1.2.3.4.1"),
        (0x0002, 0x0010): ("UI", SYNTAX),
    }
    head = b"".join(_element(tag, *value) for tag, value in meta.items())
    length = struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(head))
    body = b"".join(_element(tag, *value) for tag, value in sorted(tags.items()) if value[1] is not None)
    data = pixels.astype("<i2" if pixels.dtype != np.uint8 else np.uint8).tobytes()
    return (
        bytes(128)
        + b"DICM"
        + length
        + head
        + body
        + struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, len(data))
        + data
    )


def write_series(
    folder: Path, change: dict[int | None, Tags] | None = None, slices: int = 8, spacing: float = 2.5
) -> Path:
    """Write a series of 16 x 16 pixels; ``change`` lays tags on those of one slice, or (None) of all."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number in range(slices):
        tags = tags_of(number, spacing, 1.0) | (change or {}).get(None, {}) | (change or {}).get(number, {})
        rgb = tags[(0x0028, 0x0002)][1] == 3
        pixels = rng.integers(900, 1200, (16, 16, 3) if rgb else (16, 16))
        (folder / f"s{number}.dcm").write_bytes(
            slice_bytes(tags, pixels.astype(np.uint8 if rgb else np.int16))
        )
    return folder


def _element(tag: tuple[int, int], kind: str, value: str | int) -> bytes:
    data = struct.pack("<H", value) if kind == "US" else str(value).encode("ascii")
    data += (b"\0" if kind == "UI" else b" ") * (len(data) % 2)
    return struct.pack("<HH2sH", *tag, kind.encode(), len(data)) + data
