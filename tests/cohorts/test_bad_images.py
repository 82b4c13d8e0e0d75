"""Photographs and masks that cannot be meant: one clear line; what is odd but right is read rightly."""

import io
import struct
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from bad_inputs import damaged, reads_or_says, said
from image_folders import READ, disc, folder, packed, photo, replace, write
from mlmi2023.cohorts.formats.masks import mask_values
from mlmi2023.cohorts.formats.photographs import read_photo
from mlmi2023.cohorts.forms import raw_files
from mlmi2023.cohorts.forms.images import form

D = disc()
P = photo()


def numbers(low, high, kind):
    """The photograph with other values: its slope from ``low`` and its disc at ``high``."""
    return (low + (high - low) * (P.astype(np.float64) - 30) / 170).astype(kind)


def holding(array, value, at=(3, 3)):
    array = array.copy()
    array[at] = value
    return array


def png(rows, columns, depth, colour, data):
    """Bytes of a PNG whose header may lie."""

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", columns, rows, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )


def deep(value=4000):
    """A PNG of 16 bits in each of three colours."""
    rows = b"".join(
        b"\0" + (np.tile(P[n], (3, 1)).T * (value / 255)).astype(">u2").tobytes() for n in range(20)
    )
    return png(20, 20, 16, 2, rows)


def frames(kind):
    pictures = [Image.fromarray(numbers(30, top, np.uint8)) for top in (100, 150, 200)]
    return {"array": pictures[0], "kind": kind, "save_all": True, "append_images": pictures[1:]}


def palette(colours, index):
    image = Image.fromarray(index.astype(np.uint8), "L").copy()
    image = Image.frombytes("P", image.size, image.tobytes())
    image.putpalette([part for colour in colours for part in colour])
    return image


def layers(*channels, mode):
    return Image.fromarray(np.stack(channels, -1).astype(np.uint8), mode)


def inverted():
    """Bytes of a TIFF of 16 bits whose 0 is white."""
    stream = io.BytesIO()
    Image.fromarray(numbers(0, 4095, np.uint16)).save(stream, "TIFF")
    black = struct.pack("<HHIH", 262, 3, 1, 1)
    assert black in stream.getvalue()
    return stream.getvalue().replace(black, struct.pack("<HHIH", 262, 3, 1, 0))


ZERO, FULL = np.zeros((20, 20)), np.full((20, 20), 255)
HALVES = np.where(D, 1 + (np.arange(20) < 10), 0)
TURNED = Image.Exif()
TURNED[0x0112] = 3

# what is wrong, which files it is in, the picture, words of the line; read
PICTURES = {
    "16-bit image holding 12 bits": ("p/*", numbers(0, 4095, np.uint16), ["read.range", "0 to 4095"]),
    "16 bits from white to black": ("p/*", inverted(), ["p/s0.png", "white to black"]),
    "one image of 16 bits": ("p/s1", numbers(0, 4095, np.uint16), ["p/s1.png", "p/s0.png", "one range"]),
    "16 bits in colours": ("p/*", deep(), ["colours of 16 bits", "[0, 65535]"]),
    "float TIFF 0..1": ("p/*", {"array": numbers(0, 1, np.float32), "kind": "tif"}, ["read.range", "0 to 1"]),
    "float TIFF negative": ("p/*", {"array": numbers(-900, 60, np.float32), "kind": "tif"}, ["-900 to 60"]),
    "float TIFF with NaN": (
        "p/*",
        {"array": holding(numbers(0, 1, np.float32), np.nan), "kind": "tif"},
        ["p/s0.tif", "no numbers"],
    ),
    "int32 TIFF of 1e6": ("p/*", {"array": numbers(0, 1e6, np.int32), "kind": "tif"}, ["0 to 1e+06"]),
    "GIF of three frames": ("p/s1", frames("gif"), ["p/s1.gif", "3 pages", "read.page"]),
    "TIFF of three pages": ("p/s1", frames("tif"), ["p/s1.tif", "3 pages", "read.page"]),
    "TIFF mask of three pages": ("m/s1", frames("tif"), ["m/s1.tif", "3 pages"]),
    "image 1 x 1": ("p/s1", np.full((1, 1), 9, np.uint8), ["p/s1.png", "1 x 1 pixels"]),
    "one image black": ("p/s1", np.zeros((20, 20), np.uint8), ["p/s1.png", "nearly constant"]),
    "one image of 0 and 1": ("p/s1", (P > 99).astype(np.uint8), ["p/s1.png", "nearly constant, 0 to 1"]),
    "images nearly black": ("p/*", P // 16, ["all images together take 1 to 12", "read.range"]),
    "EPS called PNG": (
        "p/s1",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n",
        ["p/s1.png", "none of PNG"],
    ),
    "PNG bomb": ("p/s1", png(40000, 40000, 8, 0, bytes(9999)), ["p/s1.png", "1600000000 pixels", "smaller"]),
    "PNG claims too much": ("p/s1", png(9000, 9000, 8, 0, bytes(99)), ["9000 x 9000", "cannot hold"]),
    "PNG mask bomb": ("m/s1", png(9000, 9000, 8, 0, bytes(99)), ["m/s1.png", "cannot hold"]),
    "text": ("p/s1", b"no image", ["p/s1.png", "no readable image"]),
    "image that lies upside down": (
        "p/s1",
        {"array": np.stack([P] * 3, -1), "kind": "jpg", "exif": TURNED},
        ["p/s1.jpg", "EXIF", "m/s1.png"],
    ),
    "mask 16 bit 0/1000": ("m/s1", (D * 1000).astype(np.uint16), ["m/s1.png", "1000", "m/s0.png 255"]),
    "mask 0/1 among 0/255": ("m/s1", D.astype(np.uint8), ["foreground is 1", "read.classes"]),
    "mask float TIFF 0..0.9": (
        "m/s1",
        {"array": (D * np.linspace(0.1, 0.9, 400).reshape(20, 20)).astype(np.float32), "kind": "tif"},
        ["m/s1.tif", "read.threshold"],
    ),
    "mask float TIFF NaN": (
        "m/s1",
        {"array": holding(D.astype(np.float32), np.nan), "kind": "tif"},
        ["m/s1.tif", "no numbers"],
    ),
    "mask is the photo": ("m/s1", P, ["m/s1.png", "values beside 0", "read.classes"]),
    "several values without classes": ("m/*", HALVES.astype(np.uint8), ["2 values beside 0 (1, 2)"]),
    "colours without classes": (
        "m/*",
        layers(HALVES == 1, HALVES == 2, ZERO, mode="RGB").point(lambda v: 255 * v),
        ["'#00ff00', '#ff0000'"],
    ),
    "palette without classes": ("m/*", palette([(0, 0, 0), (128, 0, 0), (0, 128, 0)], HALVES), ["(1, 2)"]),
    "alpha alone": ("m/s1", layers(ZERO, ZERO, ZERO, D * 255, mode="RGBA"), ["m/s1.png", "transparency"]),
    "grey alpha alone": ("m/s1", layers(FULL, D * 255, mode="LA"), ["m/s1.png", "transparency"]),
    "all masks empty": ("m/*", np.zeros((20, 20), np.uint8), ["no mask shows foreground", "read.classes"]),
    "all masks full": ("m/*", np.full((20, 20), 255, np.uint8), ["every pixel", "read.classes"]),
    "mask of another size": ("m/s1", np.eye(24, dtype=np.uint8), ["24 x 24 pixels, its image 20 x 20"]),
}  # fmt: skip


def put(root, files, picture):
    if isinstance(picture, bytes):
        for old in root.glob(f"{files}.*"):
            old.write_bytes(picture)
    else:
        replace(root, files, **(picture if isinstance(picture, dict) else {"array": picture}))


@pytest.mark.parametrize("case", PICTURES)
def test_pictures_that_cannot_be_meant(tmp_path, case):
    files, picture, words = PICTURES[case]
    put(folder(tmp_path), files, picture)
    said(lambda: packed(tmp_path), *words)
    assert not (tmp_path / "packed").exists()


# files, picture, read, and what the disc and a corner of the first image (or its mask) become
RIGHT = {
    "12 bits": ("p/*", numbers(0, 4095, np.uint16), {"range": [0, 4095]}, "images", 255, 0),
    "one pixel of 300": ("p/*", holding(P.astype(np.uint16), 300), {"range": [0, 255]}, "images", 200, 30),
    "float 0..1": (
        "p/*", {"array": numbers(0, 1, np.float32), "kind": "tif"}, {"range": [0, 1]}, "images", 255, 0,
    ),
    "negative": (
        "p/*",
        {"array": numbers(-900, 60, np.float32), "kind": "tif"},
        {"range": [-100, 100]},
        "images",
        204,
        0,
    ),
    "int32": (
        "p/*", {"array": numbers(0, 1e6, np.int32), "kind": "tif"}, {"range": [0, 1e6]}, "images", 255, 0,
    ),
    "16 bits in colours": ("p/*", deep(60000), {"range": [0, 65535]}, "images", 183, 27),
    "the third page": ("p/*", frames("tif"), {"page": 3}, "images", 200, 30),
    "the second frame of a moving PNG": ("p/*", frames("png"), {"page": 2}, "images", 150, 30),
    "the first frame": ("p/*", frames("gif"), {"page": 1}, "images", 100, 30),
    "0 and 100": ("m/*", (D * 100).astype(np.uint8), {}, "masks", 1, 0),
    "0 and 1000": ("m/*", (D * 1000).astype(np.uint16), {}, "masks", 1, 0),
    "0.0 and 0.9": ("m/*", {"array": (D * 0.9).astype(np.float32), "kind": "tif"}, {}, "masks", 1, 0),
    "one bit": ("m/*", Image.fromarray(D), {}, "masks", 1, 0),
    "black palette": (
        "m/*", palette([(0, 0, 0), (255, 255, 255)], D), {"classes": {255: "a"}}, "masks", 1, 0,
    ),
    "palette by number": (
        "m/*",
        palette([(0, 0, 0), (128, 0, 0), (0, 128, 0)], D * 2),
        {"classes": {1: "a", 2: "b"}},
        "masks",
        2,
        0,
    ),
    "colours": (
        "m/*",
        layers(D * 255, ZERO, ~D * 255, mode="RGB"),
        {"classes": {"#0000ff": "a", "#ff0000": "b"}},
        "masks",
        2,
        1,
    ),
    "opaque": ("m/*", layers(D * 255, D * 255, D * 255, FULL, mode="RGBA"), {}, "masks", 1, 0),
    "background is named": (
        "m/*",
        D.astype(np.uint8) * 255,
        {"classes": {0: "background", 255: "lesion"}},
        "masks",
        1,
        0,
    ),
    "background is 255": (
        "m/*",
        np.where(D, 0, 255).astype(np.uint8),
        {"classes": {0: "lesion", 255: "background"}},
        "masks",
        1,
        0,
    ),
    "two values are one class": (
        "m/s0", (D * 9).astype(np.uint8), {"classes": {9: "a", 255: "a"}}, "masks", 1, 0,
    ),
    "smooth borders": ("m/*", (D * 200 + 20).astype(np.uint8), {"threshold": 127}, "masks", 1, 0),
    "chances": (
        "m/*", {"array": (D * 0.9).astype(np.float32), "kind": "tif"}, {"threshold": 0.5}, "masks", 1, 0,
    ),
    "instances": ("m/*", HALVES.astype(np.uint16), {"threshold": 0}, "masks", 1, 0),
}  # fmt: skip


@pytest.mark.parametrize("case", RIGHT)
def test_odd_pictures_that_are_read_as_they_are_meant(tmp_path, case):
    files, picture, read, kind, inside, corner = RIGHT[case]
    put(folder(tmp_path), files, picture)
    array = getattr(packed(tmp_path, read), kind)[0]
    assert array[10, 10].max() == inside and abs(int(array[0, 0].max()) - corner) <= 1
    if kind == "masks":
        assert np.array_equal(array == inside, D)


# keys of read, and words of the line that loading them ends with
KEYS = {
    "grey text 'no'": ({"grey": "no"}, ["read.grey", "true or false"]),
    "classes list": ({"classes": ["lesion"]}, ["read.classes", "mapping"]),
    "classes text": ({"classes": "lesion"}, ["read.classes", "mapping"]),
    "classes reversed": ({"classes": {"lesion": 255}}, ["read.classes.lesion", "{255: lesion}"]),
    "classes 300 values": ({"classes": {n: f"c{n}" for n in range(300)}}, ["300 names", "255"]),
    "classes all background": ({"classes": {0: "background"}}, ["nothing but background"]),
    "classes without background": ({"classes": {0: "a", 255: "b"}}, ["calls 0 'a'", "background"]),
    "size 1e6 x 1e6": ({"size": [1000000, 1000000]}, ["read.size", "16384"]),
    "size NaN": ({"size": [float("nan"), 20]}, ["read.size.0", "whole number"]),
    "size number": ({"size": 20}, ["read.size", "list of 2"]),
    "size of one": ({"size": [20]}, ["read.size", "list of 2"]),
    "size of three": ({"size": [20, 20, 3]}, ["read.size", "list of 2"]),
    "size text": ({"size": "20"}, ["read.size", "list of 2"]),
    "range reversed": ({"range": [255, 0]}, ["read.range", "below"]),
    "range of one": ({"range": [255]}, ["read.range", "list of 2"]),
    "page 0": ({"page": 0}, ["read.page", "at least 1"]),
    "threshold text": ({"threshold": "127"}, ["read.threshold", "give a number"]),
    "threshold and classes": ({"threshold": 1, "classes": {1: "a"}}, ["read.classes and read.threshold"]),
    "size and tiles": ({"size": [20, 20], "tiles": {"size": [8, 8]}}, ["one of read.size and read.tiles"]),
    "tiles with gaps": ({"tiles": {"size": [8, 8], "stride": [9, 8]}}, ["read.tiles", "leaves pixels out"]),
    "masks equal to images": ({"masks": READ["images"]}, ["the masks are the images"]),
    "one of the masks is": ({"masks": [READ["masks"], READ["images"]]}, ["the masks are the images"]),
    "masks without a subject": ({"masks": ["m/{subject}.png", "m/all.png"]}, ["read.masks.1", "{subject}"]),
    "two stars": ({"images": "**/{subject}.png"}, ["read.images", "one * for each folder"]),
    "images and sources": ({"sources": [READ]}, ["one of read.images and read.sources"]),
}  # fmt: skip


@pytest.mark.parametrize("case", KEYS)
def test_keys_are_refused_when_they_are_loaded(case):
    read, words = KEYS[case]
    said(
        lambda: form.read_key({"read": {**READ, **read}}, "config of cohort 'mine'"), "cohort 'mine'", *words
    )


def two_files(root):
    write(root / "p/s1.jpg", P)


def lost_link(root):
    (root / "p/s1.png").unlink()
    (root / "p/s1.png").symlink_to("annex/objects/none")


def other_id(root):
    write(root / "p/s_7.png", P)
    write(root / "m/s_7.png", D)


def no_mask(root):
    (root / "m/s1.png").unlink()


def nothing(root):
    pass


# what is done to the folder, keys of read and of the cohort, words
FOLDERS = {
    "s1.png and s1.jpg": (two_files, {}, {}, ["p/s1.jpg", "p/s1.png", "two files of subject s1"]),
    "a link to nothing": (lost_link, {}, {}, ["p/s1.png", "get the file or remove the link"]),
    "a mask is missing": (no_mask, {}, {}, ["p/s1.png", "has no mask", "m/s1.*"]),
    "the mask is the image": (nothing, {"masks": "p/{subject}*.png"}, {}, ["p/s0.png is its own mask"]),
    "an id that is left out": (other_id, {}, {}, ["p/s_7.png", "beside a *", "letters and digits"]),
    "no split": (nothing, {}, {"split": None}, ["no splits", "set 'split'", "splits.csv"]),
    "split text": (nothing, {}, {"split": "train"}, ["'split' is 'train'", "{train: 20"]),
    "too many asked for": (nothing, {}, {"split": {"train": 5, "test": 5}}, ["asks for 10", "6 are there"]),
}


@pytest.mark.parametrize("case", [case for case, given in FOLDERS.items() if given[3]])
def test_files_that_do_not_fit_each_other_are_said_before_anything_is_read(tmp_path, case):
    spoil, read, more, words = FOLDERS[case]
    spoil(folder(tmp_path))
    config = {"form": "images", "read": {**READ, **read}, "split": {"train": 4, "test": 2}, **more}
    said(lambda: raw_files("mine", config, tmp_path), *words)


@pytest.mark.parametrize(
    ("kind", "how"), [("PNG", {}), ("JPEG", {}), ("TIFF", {"compression": "tiff_lzw"}), ("GIF", {})]
)
@pytest.mark.parametrize("reader", [lambda file: read_photo(file)[0], mask_values], ids=["photo", "mask"])
def test_no_damaged_file_ends_in_a_traceback_and_no_png_is_read_otherwise(tmp_path, kind, how, reader):
    file = tmp_path / "s1.png"
    Image.fromarray(P).save(file, kind, **how)
    data, whole = file.read_bytes(), reader(file)

    def tried(copy):
        file.write_bytes(copy)
        found = reader(file)
        # the check sums of PNG tell
        assert kind != "PNG" or np.array_equal(found, whole)

    assert reads_or_says(tried, damaged(data, 120)) < 120


def turned(place, orientation):
    """Pixels as a camera stores them that was held so, and what its EXIF says."""
    flips = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    exif = Image.Exif()
    exif[0x0112] = orientation
    return {"array": Image.fromarray(place).transpose(flips[orientation]), "exif": exif}


@pytest.mark.parametrize("kind", ["png", "jpg", "tif"])
@pytest.mark.parametrize("orientation", [6, 8])
def test_images_lie_as_their_exif_says_and_masks_beside_them(tmp_path, kind, orientation):
    tall = np.vstack([P, np.full((8, 20), 30, np.uint8)])
    mask = np.vstack([D, np.zeros((8, 20), bool)]).astype(np.uint8) * 255
    folder(tmp_path)
    replace(tmp_path, "p/*", kind=kind, **turned(tall, orientation))
    replace(tmp_path, "m/*", mask)
    cohort = packed(tmp_path)
    assert cohort.images.shape[1:3] == (28, 20) and np.array_equal(cohort.masks[0] > 0, mask > 0)
    assert np.abs(cohort.images[0][..., 0].astype(int) - tall).mean() < 6
    # a mask that lies as the camera's pixels do is another shape, unless it says so too
    replace(tmp_path, "m/*", turned(mask, orientation)["array"])
    said(
        lambda: packed(tmp_path), "m/s0.png", "20 x 28 pixels, its image 28 x 20, turned upright by its EXIF"
    )
    replace(tmp_path, "m/*", **turned(mask, orientation))
    assert np.array_equal(packed(tmp_path).masks[0] > 0, mask > 0)


def test_arrays_that_the_disk_has_no_room_for_are_not_begun(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=9000))
    said(lambda: packed(folder(tmp_path)), "are free", "read.size")
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=9600))
    assert len(packed(tmp_path)) == 6
