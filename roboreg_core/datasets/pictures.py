"""Decoding of a picture file of any format and mode to RGB pixels of one size."""

import io

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

# Larger pictures are refused before they are decompressed: at most 200 MB each.
MOST_PIXELS = 50_000_000
MOST_BYTES = 64 * 2**20
# EPS is a program, which Pillow hands to Ghostscript; the others are containers without pictures of their own.
_REFUSED_FORMATS = {"EPS", "BUFR", "GRIB", "HDF5", "MPEG", "WMF"}
# Reduced decoding of JPEG keeps at least so many pixels per pixel of the result, along each side.
_OVERSAMPLING = 2


class UnreadablePictureError(Exception):
    """A file cannot be read as a picture; the message is the reason."""


def decode(content: bytes, size: int) -> np.ndarray:
    """Decode a picture, scale its short side to `size` and crop the centre.

    EXIF rotation is applied, transparency is put on white, and values of 16 bits are scaled to 8.

    Args:
        content: bytes of a file of any format that Pillow reads, of at most `MOST_BYTES`.
        size: height and width of the result in pixels.

    Returns:
        uint8 RGB (size, size, 3).

    Raises `UnreadablePictureError`: it is no picture, is damaged, or has more than `MOST_PIXELS` pixels.
    """
    if len(content) > MOST_BYTES:
        raise UnreadablePictureError(f"larger than {MOST_BYTES >> 20} MB")
    try:
        with Image.open(io.BytesIO(content), formats=_formats()) as image:
            if image.width * image.height > MOST_PIXELS:
                raise UnreadablePictureError(f"{image.width:,} × {image.height:,} pixels, over {MOST_PIXELS:,}")
            image.draft(None, (_OVERSAMPLING * size, _OVERSAMPLING * size))
            upright = ImageOps.exif_transpose(image)
            fitted = ImageOps.fit(_to_rgb(upright), (size, size), Image.Resampling.BICUBIC)
            return np.asarray(fitted)
    except UnreadablePictureError:
        raise
    except UnidentifiedImageError:
        raise UnreadablePictureError("no picture that Pillow reads") from None
    except Exception as error:  # Pillow raises various errors for damaged files
        raise UnreadablePictureError(" ".join(f"{type(error).__name__}: {error}".split())[:120]) from None


def _formats() -> list[str]:
    Image.init()
    return [name for name in Image.OPEN if name not in _REFUSED_FORMATS]


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        image = Image.fromarray(_to_8_bits(np.asarray(image)))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert("RGB")


def _to_8_bits(values: np.ndarray) -> np.ndarray:
    """Grey values as uint8: integers above 255 are of 16 bits, floats up to 1 are shares."""
    scaled = values.astype(np.float64)
    largest = scaled.max(initial=0.0)
    if values.dtype == np.uint16 or (values.dtype.kind in "iu" and largest > 255):
        scaled /= 257
    elif values.dtype.kind == "f" and largest <= 1:
        scaled *= 255
    return np.clip(np.nan_to_num(scaled).round(), 0, 255).astype(np.uint8)
