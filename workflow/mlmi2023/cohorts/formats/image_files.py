"""Open image files in everyday formats; what is damaged, too large or of several pages is one line.

Only :data:`FORMATS` are tried, whatever a file is called: PIL would hand others to outside programs.
"""

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from mlmi2023.core.errors import InputError

if TYPE_CHECKING:
    from PIL import Image, ImageFile

FORMATS = ("PNG", "JPEG", "TIFF", "GIF", "BMP", "WEBP", "JPEG2000", "PPM")
#: times that deflate can shrink anything at most
DEFLATE = 1032
_ORIENTATION, _PHOTOMETRIC = 0x0112, 0x0106


class Header(NamedTuple):
    """What an image file says of itself before it is decoded.

    Attributes:
        rows: height of the upright image.
        columns: width of the upright image.
        turned: how EXIF or TIFF says the pixels lie, 1 (upright) to 8; from 5 on rows are columns.
        wide: values have more than 8 bits.
        colours: it has channels.
    """

    rows: int
    columns: int
    turned: int
    wide: bool
    colours: bool

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.rows, self.columns


def header_of(path: Path, page: int | None = None) -> Header:
    """Return the header of an image file.

    Args:
        path: the file.
        page: the page of a file with several, from 1.

    Raises:
        InputError: no such file, no image, too large, cut off, or of several pages without ``page``.
    """
    with _stream(path) as stream:
        image = _opened(path, stream, page)
        turned = _turned(image)
        columns, rows = image.size
        if turned > 4 and image.format != "TIFF":  # PIL has turned the size of a TIFF
            rows, columns = columns, rows
        deep = any(";16" in str(tile.args) for tile in image.tile)
        wide = deep or image.mode[0] in "IF"
        return Header(rows, columns, turned, wide, image.mode[0] not in "1LIF")


def load_image(path: Path, page: int | None = None) -> "Image.Image":
    """Decode an image file and turn it upright as its EXIF says; see :func:`header_of`."""
    from PIL import ImageOps

    with _stream(path) as stream:
        image = _opened(path, stream, page, whole=True)
        turned = _turned(image)
        if image.format == "TIFF" and image.mode[0] in "IF" and image.getexif().get(_PHOTOMETRIC) == 0:
            raise InputError(f"{path}: counts from white to black; save it with 0 as black")
        try:
            image.load()
            if image.format == "TIFF":  # PIL turns these as it decodes them
                return image
            late = image.getexif().get(_ORIENTATION, 1)
            upright = image if late == 1 else ImageOps.exif_transpose(image)
        except Exception as error:  # decoders raise errors of all kinds at damaged bytes
            raise InputError(
                f"{path}: the image is cut off or broken ({_reason(error)}); fetch it again"
            ) from error
    if late in range(2, 9) and late != turned:
        raise InputError(f"{path}: says behind its pixels that it is turned; save it upright")
    return upright


def _stream(path: Path) -> BinaryIO:
    """Open a file; PIL, given a path, may map it into memory, and then leaves a TIFF as it lies."""
    try:
        return open(path, "rb")
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; check the cohort's root and patterns") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); fetch it again") from error


def _opened(path: Path, stream: BinaryIO, page: int | None, whole: bool = False) -> "ImageFile.ImageFile":
    """Open an image at its page; ``whole`` compares the check sums of a PNG, which PIL does on request."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(stream, formats=FORMATS)
            if whole and image.format == "PNG":
                image.verify()
                image = Image.open(stream, formats=FORMATS)
        pages = 1 if image.format == "MPO" else int(getattr(image, "n_frames", 1))
        if page is not None and 1 < page <= pages:
            image.seek(page - 1)
    except Image.DecompressionBombError as error:
        raise InputError(f"{path}: {_reason(error)}; cut it into smaller images") from error
    except UnidentifiedImageError as error:
        raise InputError(
            f"{path}: no readable image (none of {', '.join(FORMATS)}); fetch or export it again"
        ) from error
    except Exception as error:  # as above
        raise InputError(f"{path}: no readable image ({_reason(error)}); fetch or export it again") from error
    if pages > 1 and not 1 <= (page or 0) <= pages:
        raise InputError(
            f"{path}: has {pages} pages; say in 'read.page' which is meant (1 is the first), or save it alone"
        )
    if image.format == "PNG" and image.width * image.height > 8 * DEFLATE * os.path.getsize(path):
        raise InputError(
            f"{path}: claims {image.height} x {image.width} pixels, which its {os.path.getsize(path)} bytes "
            "cannot hold; fetch it again"
        )
    return image


def _turned(image: "Image.Image") -> int:
    """Return the orientation that a file's header gives; PNG is not decoded to look for one."""
    if image.format == "PNG" and "exif" not in image.info:
        return 1
    try:
        turned = image.getexif().get(_ORIENTATION, 1)
    except Exception:  # damaged EXIF says nothing, as for every other reader of photographs
        return 1
    return turned if turned in range(1, 9) else 1


def _reason(error: Exception) -> str:
    """Return what an error says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__
