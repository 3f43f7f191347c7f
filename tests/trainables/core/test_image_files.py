"""Image files: what is found, how it is read, and that whatever is wrong names the file."""

import os
import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from trainables.core import image_files
from trainables.core.image_files import ImageError, find, read

GREY, COLOUR = (1, 8, 6), (3, 8, 6)


def gradient(mode="L", size=(6, 8)):
    return Image.linear_gradient("L").resize(size).convert(mode)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "b" / "c").mkdir(parents=True)
    for name in ("b/c/2.png", "b/1.JPG", "a.webp", "b.tiff", ".hidden.png"):
        gradient("RGB").save(tmp_path / name, format="PNG" if name.endswith(".png") else None)
    (tmp_path / "notes.txt").write_text("not an image")
    (tmp_path / "b" / "Thumbs.db").write_bytes(b"\0")
    return tmp_path


def names(found, folder):
    return [file.relative_to(folder).as_posix() for file in found.files]


def test_files_and_folders(folder):
    found = find([folder])
    assert names(found, folder) == ["a.webp", "b/1.JPG", "b/c/2.png", "b.tiff"] and found.skipped == 3
    found = find([folder / "b.tiff", folder / "b"])
    assert names(found, folder) == ["b.tiff", "b/1.JPG", "b/c/2.png"] and found.skipped == 1
    assert find([folder / ".hidden.png"]).skipped == 0, "what is named is meant"


def test_links_stay_inside_the_folder(folder):
    (folder / "b" / "link.png").symlink_to(folder / "b" / "c" / "2.png")
    (folder / "b" / "c" / "up").symlink_to(folder / "b")
    assert names(find([folder / "b"]), folder) == ["b/1.JPG", "b/c/2.png", "b/link.png"]
    assert names(find([folder / "b" / "link.png"]), folder) == ["b/link.png"]
    (folder / "b" / "text").symlink_to(folder / "notes.txt")
    assert find([folder / "b"]).skipped == 2, "what is no image is not looked at"


@pytest.mark.parametrize("target", ["a.webp", "gone.png", "b"])
def test_links_out_of_the_folder_are_refused(folder, target):
    (folder / "b" / "c" / "out.png").symlink_to(folder / target)
    with pytest.raises(ImageError, match=r"out\.png is a link that leads out of the folder"):
        find([folder / "b" / "c"])


def test_a_linked_folder_may_be_named(folder, tmp_path_factory):
    link = tmp_path_factory.mktemp("link") / "to"
    link.symlink_to(folder / "b")
    assert [file.name for file in find([link]).files] == ["1.JPG", "2.png"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone.png", r"There is no file .*gone\.png"),
        ("empty", r"No images in .*empty\. Images end in \.bmp,"),
        ("texts", r"No images in .*texts; 1 other files there"),
        ("pipe.png", r"pipe\.png is no ordinary file"),
        ("pipes", r"pipe\.png is no ordinary file"),
    ],
)
def test_places_without_images(tmp_path, name, message):
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("")
    (tmp_path / "pipes").mkdir()
    for place in ("pipe.png", "pipes/pipe.png"):
        os.mkfifo(tmp_path / place)
    with pytest.raises(ImageError, match=message):
        find([tmp_path / name])


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "webp", "gif"])
def test_every_form_gives_the_same_pixels(tmp_path, suffix):
    gradient("L").save(tmp_path / f"a.{suffix}", **({"lossless": True} if suffix == "webp" else {}))
    expected = np.asarray(gradient("L"), dtype=np.float32) / np.float32(255)
    grey, colour = read(tmp_path / f"a.{suffix}", GREY), read(tmp_path / f"a.{suffix}", COLOUR)
    assert grey.dtype == np.float32 and grey.shape == GREY and colour.shape == COLOUR
    assert np.array_equal(grey[0], expected) and all(np.array_equal(channel, expected) for channel in colour)


def test_colours_grey_bits_and_palettes(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (6, 8), (255, 0, 51)).save(path)
    assert np.allclose(read(path, COLOUR)[:, 0, 0], (1, 0, 0.2)) and 0.3 < read(path, GREY)[0, 0, 0] < 0.35
    Image.new("RGB", (6, 8), (255, 0, 51)).quantize(4).save(path)
    assert np.allclose(read(path, COLOUR)[:, 0, 0], (1, 0, 0.2))
    Image.new("1", (6, 8), 1).save(path)
    assert (read(path, GREY) == 1).all()
    Image.fromarray(np.full((8, 6), 51 * 257, np.uint16)).save(path)
    assert np.allclose(read(path, GREY), 0.2) and np.allclose(read(path, COLOUR), 0.2)
    Image.new("RGBA", (6, 8), (255, 255, 255, 51)).save(path)
    assert np.allclose(read(path, GREY), 0.2), "what is transparent is black"
    Image.new("LA", (6, 8), (255, 0)).save(path)
    assert not read(path, COLOUR).any()


def test_turned_as_the_camera_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    gradient(size=(8, 6)).save(tmp_path / "a.png", exif=exif)
    turned = np.asarray(gradient(size=(8, 6)).transpose(Image.Transpose.ROTATE_270), dtype=np.float32) / np.float32(255)
    assert np.array_equal(read(tmp_path / "a.png", GREY)[0], turned)


def test_another_size_is_refused_or_scaled(tmp_path):
    gradient(size=(60, 80)).save(tmp_path / "a.png")
    with pytest.raises(ImageError, match=r"a\.png is 60×80; the model takes 6×8\. --resize scales images"):
        read(tmp_path / "a.png", GREY)
    scaled = read(tmp_path / "a.png", GREY, resize=True)
    assert scaled.shape == GREY and (np.diff(scaled[0, :, 0]) > 0).all() and scaled.max() <= 1
    with pytest.raises(ImageError, match="takes images of 2 channels; files have 1"):
        read(tmp_path / "a.png", (2, 8, 6))


def bomb(width, height):
    """A PNG that says how large it is and has hardly any pixels."""
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"\0" * 99)),
        (b"IEND", b""),
    )
    written = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(written)


@pytest.mark.parametrize("size", [(10_001, 10_000), (20_000, 20_000), (60_000, 60_000)])
def test_bombs_are_refused_before_they_are_unpacked(tmp_path, size):
    (tmp_path / "bomb.png").write_bytes(bomb(*size))
    with pytest.raises(ImageError, match=r"bomb\.png has .*pixels; at most 40 million are read"):
        read(tmp_path / "bomb.png", GREY, resize=True)


def test_just_below_the_limit_is_read_without_a_warning(tmp_path):
    Image.new("1", (6_000, 6_000), 1).save(tmp_path / "a.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (read(tmp_path / "a.png", GREY, resize=True) == 1).all()
    assert Image.MAX_IMAGE_PIXELS > image_files.LARGEST, "Pillow's own limit is as it was"


@pytest.mark.parametrize("share", [0.0, 0.01, 0.05, 0.1, 0.5, 0.9, 0.95])
def test_cut_files_are_refused(tmp_path, share):
    gradient("RGB", (64, 64)).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[: int(share * len(content))])
    with pytest.raises(ImageError, match=r"a\.png cannot be read as an image: \w"):
        read(tmp_path / "a.png", (3, 64, 64))


@pytest.mark.parametrize(
    "content", [b"", b"text", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 6 8\n", b"II*\0" + b"\xff" * 40]
)
def test_what_is_no_image_is_refused(tmp_path, content):
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(ImageError, match=r"a\.png cannot be read as an image") as refused:
        read(tmp_path / "a.png", GREY)
    assert "\n" not in str(refused.value)


def test_pixels_of_another_kind_are_refused(tmp_path):
    Image.fromarray(np.ones((8, 6), np.float32)).save(tmp_path / "a.tiff")
    with pytest.raises(ImageError, match=r"a\.tiff cannot be read as an image: its pixels are of the kind 'F'"):
        read(tmp_path / "a.tiff", GREY)


def test_files_that_may_not_be_read(tmp_path, monkeypatch):
    gradient().save(tmp_path / "a.png")

    def refused(*words, **more):
        raise PermissionError(13, "Permission denied", str(tmp_path / "a.png"))

    monkeypatch.setattr(Image, "open", refused)
    with pytest.raises(ImageError, match=r"a\.png cannot be read as an image: .*Permission denied"):
        read(tmp_path / "a.png", GREY)
