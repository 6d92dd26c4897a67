"""What users give as images and classes: each works, or the message says what to do."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from thrmlDenoising.data import OwnImages

RNG = np.random.default_rng(0)
IMAGES = np.concatenate([np.ones((1, 3, 4)), RNG.random((7, 3, 4))])
CLASSES = np.repeat([0, 1], 4)
HIDDEN = RNG.random(IMAGES.shape) < 0.2


def own(images: Any = IMAGES, classes: Any = CLASSES, **options: Any) -> OwnImages:
    return OwnImages("mine", images, classes, **options)


def refused(images: Any = IMAGES, classes: Any = CLASSES) -> str:
    """What the message says."""
    try:
        own(images, classes)
    except ValueError as error:
        return str(error)
    raise AssertionError("accepted")


def masked(values, hidden):
    return np.ma.masked_array(values, hidden)


# Masks


@pytest.mark.parametrize(
    "given",
    [
        dict(images=masked(IMAGES, HIDDEN)),
        dict(images=masked(np.where(HIDDEN, 1e20, IMAGES), HIDDEN)),
        dict(images=masked((IMAGES * 255).astype(np.uint8), HIDDEN)),
        dict(images=masked(IMAGES, True)),
        dict(images=[masked(image, mask) for image, mask in zip(IMAGES, HIDDEN, strict=True)]),
        dict(images=(IMAGES[0], *map(masked, IMAGES[1:], HIDDEN[1:]))),
        dict(images=[list(map(masked, *rows)) for rows in zip(IMAGES, HIDDEN, strict=True)]),
        dict(images=[[[0, 1], [np.ma.masked, 1]], *[[[0, 1], [1, 1]]] * 7]),
        dict(classes=masked(CLASSES, np.arange(8) < 3)),
        dict(classes=[0, 0, 0, 0, 1, 1, 1, np.ma.masked]),
    ],
)
def test_masks_are_not_dropped(given):
    message = refused(**given)
    assert "mask hides" in message
    assert "leave out the images" in message


def test_a_mask_that_hides_nothing_may_pass():
    plain = own().cfg
    assert own(masked(IMAGES, False), masked(CLASSES, np.ma.nomask)).cfg == plain
    assert own([masked(image, False) for image in IMAGES]).cfg == plain


# Sizes


@pytest.mark.parametrize("kind", [list, tuple])
def test_images_of_different_sizes_are_named_as_that(kind):
    message = refused(kind([np.ones((6, 5))] * 3 + [np.ones((7, 5))] + [np.ones((6, 5))] * 4))
    assert "images[0] has the shape (6, 5), images[3] has (7, 5)" in message
    assert "resize them" in message
    column = np.empty(8, object)
    column[:] = [np.ones((2, 2 + n % 2)) for n in range(8)]
    assert "images[1] has (2, 3)" in refused(column)
    assert "resize them" in refused([Image.new("L", (3 + n % 2, 3), 255) for n in range(8)])
    rows = refused(kind([[[0, 1], [1, 0]]] * 7 + [[[0, 1], [0]]]))
    assert "images[7][0] has the shape (2,), images[7][1] has (1,)" in rows


@pytest.mark.parametrize(
    ("images", "advice"),
    [
        (IMAGES.reshape(8, -1), "reshape(len(images), rows, columns)"),
        (IMAGES[0], "images[None]"),
        (IMAGES[..., None], "images[..., 0]"),
        (IMAGES[:, None], "images[:, 0]"),
        (IMAGES[..., None].repeat(3, axis=-1), "images.mean(axis=-1)"),
        (np.ones((8, 3, 6, 5)), "images.mean(axis=1)"),
        (np.ones((8, 6, 5, 4)), "images[..., :3].mean(axis=-1)"),
        (
            (IMAGES * 255).astype(np.uint8)[..., None].repeat(3, axis=-1),
            "images.mean(axis=-1) / 255",
        ),
        (np.array([*IMAGES, None], object)[:8], "np.stack(list(images))"),
    ],
)
def test_other_axes_come_with_what_to_do(images, advice):
    assert advice in refused(images)


# Brightness


@pytest.mark.parametrize("excess", [2e-7, 1e-4, 0.0019])
def test_an_excess_by_rounding_is_rounded_as_all_is(excess):
    over = np.where(IMAGES == 1, 1 + excess, IMAGES)
    under = np.where(IMAGES.min() == IMAGES, -excess, IMAGES)
    assert own(over).cfg == own().cfg
    assert own(np.float32(over)).images.max() == 255
    assert own(under).images.min() == 0


@pytest.mark.parametrize(
    ("images", "fragments"),
    [
        (np.where(IMAGES == 1, 1.002, IMAGES), ["to 1.002:", "np.clip"]),
        (np.where(IMAGES == 1, 1.05, IMAGES), ["to 1.05:", "images / images.max()", "np.clip"]),
        (IMAGES * 255, ["to 255:", "images / images.max()"]),
        (IMAGES * 2 - 1, ["to 1:", "images - images.min()"]),
        (np.where(HIDDEN, 1e20, IMAGES), ["1e+20", "first replace", "np.where"]),
        (np.where(HIDDEN, -1e30, IMAGES), ["-1e+30", "first replace", "np.where"]),
        (np.where(HIDDEN, -np.inf, IMAGES), ["infinite"]),
        (np.where(HIDDEN, 32767, np.int16(IMAGES * 16)), ["int", "first replace"]),
        (np.int16(IMAGES * 16), ["int16", "images / images.max()"]),
        (np.int16(IMAGES * 16) - 8, ["int16", "images - images.min()"]),
        (np.zeros((8, 3, 4)), ["all black"]),
        (np.zeros((8, 3, 4), int), ["once there is a pixel above 0"]),
        (IMAGES + 1j, ["complex128", "np.abs"]),
        (IMAGES.astype("M8[s]"), ["datetime64"]),
        (IMAGES.astype([("grey", float)]), ["grey"]),
        (IMAGES.astype(object), ["object"]),
    ],
)
def test_what_is_no_brightness_comes_with_what_to_do(images, fragments):
    message = refused(images)
    for fragment in fragments:
        assert fragment in message
    assert "first replace" in fragments or "first replace" not in message


def test_no_advice_makes_the_images_black():
    """Taken at its word, an advice leads to images with what the given ones showed."""
    faint = np.where(np.arange(12).reshape(3, 4) == 5, 5000, RNG.integers(0, 101, (8, 3, 4)))
    for images in (faint, faint * 1.0, np.int16(IMAGES * 16), IMAGES * 255, IMAGES * 2 - 1):
        message = refused(images)
        assert "first replace" not in message
        shift = images.min() if "images.min()" in message else 0
        assert len(np.unique(own((images - shift) / (images.max() - shift)).images)) > 2


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble, ">f4"])
def test_floats_of_any_width_are_read(dtype):
    binary = np.rint(IMAGES)
    assert own(binary.astype(dtype)).cfg == own(binary > 0.5).cfg == own(binary).cfg


# Of other libraries


class Tensor:
    """As a tensor that cannot become an array: on a device, or with a gradient."""

    def __array__(self, *_, **__):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad")


def sparse():
    return SimpleNamespace(toarray=lambda: np.eye(3))


@pytest.mark.parametrize(
    ("images", "fragments"),
    [
        (Tensor(), ["Tensor", "requires grad", "detach().cpu().float().numpy()"]),
        ([Tensor()] * 8, ["requires grad", "detach()"]),
        (sparse(), ["sparse matrix", "toarray()"]),
        ([sparse()] * 8, ["sparse matrix", "toarray()"]),
        ((image for image in IMAGES), ["generator", "np.stack(list(images))"]),
        (None, ["NoneType", "no array"]),
        (1.0, ["float", "no array"]),
        ("images.npy", ["str", "no array"]),
        ([Image.new("P", (4, 3))] * 8, ["'P'", "convert('L')"]),
        ([Image.new("RGB", (4, 3))] * 8, ["'RGB'", "convert('L')"]),
        ([], ["(0,)"]),
    ],
)
def test_what_is_no_array_comes_with_what_to_do(images, fragments):
    message = refused(images)
    for fragment in fragments:
        assert fragment in message


def test_images_of_pillow_are_read():
    grey = [Image.fromarray(np.uint8(image * 255)) for image in IMAGES]
    assert own(grey).images.shape == IMAGES.shape
    assert own([image.convert("1") for image in grey]).images.shape == IMAGES.shape


# Classes


@pytest.mark.parametrize(
    ("classes", "fragments"),
    [
        (np.eye(2)[CLASSES], ["(8, 2) for 8 images", "np.argmax(classes, axis=1)"]),
        (CLASSES[:, None], ["(8, 1) for 8 images", "classes.ravel()"]),
        (CLASSES * 1.0, ["float64", "classes.astype(int)"]),
        (np.where(CLASSES, np.nan, 0), ["float64", "4 are NaN", "leave those images out"]),
        (CLASSES + 0.5, ["float64", "np.unique"]),
        (CLASSES == 1, ["bool", "classes.astype(int)"]),
        (np.array([*"aaaabbb", None], object), ["object", "missing"]),
        (np.array([*"aaaabbbb"], object), ["<U1", "np.unique"]),
        (iter(CLASSES), ["iterator", "np.stack"]),
        (3, ["int", "no array"]),
    ],
)
def test_other_classes_come_with_what_to_do(classes, fragments):
    message = refused(classes=classes)
    for fragment in fragments:
        assert fragment in message


def test_integers_among_objects_are_integers():
    assert own(classes=CLASSES.astype(object)).cfg == own(classes=CLASSES.tolist()).cfg == own().cfg


def test_names_that_are_none():
    for names in (None, 3):
        with pytest.raises(ValueError, match=f"class_names={names}: give 2 texts"):
            own(class_names=names)
    with pytest.raises(ValueError, match=r"test_fraction='0\.1'"):
        own(test_fraction="0.1")
