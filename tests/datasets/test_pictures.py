from __future__ import annotations

import zlib

import numpy as np
import pytest
from PIL import Image

from roboreg_core.datasets import pictures
from roboreg_core.datasets.pictures import UnreadablePictureError, decode
from tests.datasets.made_images import encoded, picture, png


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "TGA", "WEBP", "GIF", "JPEG2000"])
def test_lossless_formats_of_the_right_size_keep_their_pixels(kind: str) -> None:
    image = picture(0, 32)
    how = {"lossless": True} if kind == "WEBP" else {}
    if kind == "GIF":
        image = image.convert("P", palette=Image.Palette.ADAPTIVE)
    assert np.array_equal(decode(encoded(image, kind, **how), 32), np.asarray(image.convert("RGB")))


def test_grey_palette_and_one_bit() -> None:
    grey = picture(1, 32).convert("L")
    for image in (grey, grey.convert("P"), grey.convert("1")):
        expected = np.asarray(image.convert("RGB"))
        assert np.array_equal(decode(encoded(image), 32), expected)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_white(mode: str) -> None:
    image = Image.new("RGBA", (32, 32), (200, 0, 0, 0))
    image.paste((10, 20, 30, 255), (0, 0, 16, 32))
    found = decode(encoded(image.convert(mode)), 32)
    assert (found[:, 16:] == 255).all()
    assert (found[:, :16] < 40).all()


def test_values_of_16_bits_are_scaled() -> None:
    values = np.arange(32 * 32, dtype=np.uint16).reshape(32, 32) * 64
    found = decode(encoded(Image.fromarray(values)), 32)
    assert np.array_equal(found[..., 0], np.round(values / 257).astype(np.uint8))
    assert np.array_equal(found[..., 0], found[..., 2])


@pytest.mark.parametrize(
    ("values", "expected"), [([0.0, 0.5, 1.0], [0, 128, 255]), ([0.0, 100.0, 300.0], [0, 100, 255])]
)
def test_floats(values: list[float], expected: list[int]) -> None:
    stripes = np.repeat(np.array(values, np.float32), 16)[None].repeat(48, 0)
    found = decode(encoded(Image.fromarray(stripes), "TIFF"), 48)
    assert found[0, ::16, 0].tolist() == expected


def test_exif_rotation_is_applied() -> None:
    image = picture(2, 32)
    exif = Image.Exif()
    exif[0x0112] = 6  # rotate by 270 degrees to display
    found = decode(encoded(image, "PNG", exif=exif), 32)
    assert np.array_equal(found, np.rot90(np.asarray(image), 3))


def test_the_short_side_is_scaled_and_the_centre_cropped() -> None:
    wide = np.zeros((40, 120, 3), np.uint8)
    wide[:, :40], wide[:, 40:80], wide[:, 80:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    for pixels in (wide, wide.transpose(1, 0, 2)):
        found = decode(encoded(Image.fromarray(np.ascontiguousarray(pixels))), 20)
        assert found.shape == (20, 20, 3)
        assert (found[2:-2, 2:-2] == (0, 255, 0)).all()


def test_small_pictures_are_enlarged_and_large_photographs_reduced() -> None:
    assert decode(png(3, 2), 16).shape == (16, 16, 3)
    grey = Image.new("RGB", (3_000, 2_000), (90, 120, 150))
    assert (np.abs(decode(encoded(grey, "JPEG"), 32).astype(int) - (90, 120, 150)) <= 2).all()


def test_cmyk() -> None:
    found = decode(encoded(Image.new("CMYK", (32, 32), (0, 255, 255, 0)), "JPEG"), 32)
    assert found[0, 0, 0] > 230
    assert found[0, 0, 1] < 30


@pytest.mark.parametrize("content", [b"", b"text", b"GIF89a", png(0)[:60], encoded(picture(0, 64), "JPEG")[:400]])
def test_what_is_no_picture_has_a_reason(content: bytes) -> None:
    with pytest.raises(UnreadablePictureError) as caught:
        decode(content, 32)
    assert str(caught.value)
    assert "\n" not in str(caught.value)


def test_postscript_is_not_handed_to_its_interpreter() -> None:
    with pytest.raises(UnreadablePictureError, match="no picture"):
        decode(encoded(picture(0), "EPS"), 32)


@pytest.mark.parametrize("side", [8_000, 60_000])
def test_a_decompression_bomb_is_refused_before_it_is_decompressed(monkeypatch: pytest.MonkeyPatch, side: int) -> None:
    content = bytearray(png(0))
    content[16:24] = 2 * side.to_bytes(4, "big")
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decompressed"))
    with pytest.raises(UnreadablePictureError, match=r"pixels|bomb"):
        decode(bytes(content), 32)


def test_a_large_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_BYTES", 100)
    with pytest.raises(UnreadablePictureError, match="larger than"):
        decode(png(0), 32)
