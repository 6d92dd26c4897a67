"""What a user gives as images and classes: looked at first, then converted.

Arrays come from many libraries, and NumPy makes an array of nearly everything, dropping masks and
units on the way. So what would be lost, or says that something else was meant, is refused here with
words on what to do, before anything is converted.
"""

import functools
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Int32, Shaped, UInt8
from numpy.typing import ArrayLike

Given = ArrayLike | Sequence[Any]
"""An array of any library, or a list of what becomes one, such as images of Pillow."""

_NUMBER_ANY_LABELS = "class_names, classes = np.unique(labels, return_inverse=True) numbers any"
_HALF_A_LEVEL = 0.5 / 255
"""Floats are rounded to the nearest of 256 levels, those just beyond black and white as well."""

_DEEPEST = 4
"""Lists in lists that are looked at: no image has more axes than (image, row, column, channel)."""


def as_images(given: Any) -> UInt8[np.ndarray, "image row column"]:
    """All images of a data set as 0..255, copied: these are not all dark.

    Raises:
        ValueError: they are no images as `OwnImages` describes them.
    """
    images = as_array("images", given)
    pixels = as_bytes(images)
    if pixels.max() < 128:
        what_to_do = (
            f"divide them by their maximum, {_scaled(images)}"
            if pixels.max()
            else "these are all black"
        )
        raise ValueError(
            f"the brightest pixel of all images is {images.max():.4g}, less than half of white "
            f"(1 in floats, 255 in uint8): {what_to_do}"
        )
    pixels.setflags(write=False)
    return pixels


def as_bytes(given: Any) -> UInt8[np.ndarray, "image row column"]:
    """Images as 0..255, copied.

    Raises:
        ValueError: they are no array of brightness 0..1 in floats, 0..255 in uint8, or booleans.
    """
    images = as_array("images", given)
    _check_shape(images)
    if images.dtype == np.uint8:
        return images.copy()
    if images.dtype == np.bool_:
        return images.astype(np.uint8) * np.uint8(255)
    if np.issubdtype(images.dtype, np.floating):
        _check_brightness(images)
        return np.rint(np.multiply(images, 255, dtype=np.float64)).astype(np.uint8)
    raise ValueError(
        f"images of type {images.dtype}: give brightness 0..1 as floats, or 0..255 as uint8"
        f"{_how_to_make_floats(images)}"
    )


def as_classes(given: Any, n_images: int) -> Int32[np.ndarray, " image"]:
    """The classes, copied.

    Raises:
        ValueError: they are no classes as `OwnImages` describes them.
    """
    classes = as_array("classes", given)
    if classes.dtype == object:  # as pandas gives integers that may be missing
        classes = _of_plain_type(classes)
    if classes.shape != (n_images,):
        raise ValueError(
            f"classes of shape {classes.shape} for {n_images} images: give one class number for "
            f"each, of shape ({n_images},){_how_to_flatten(classes)}"
        )
    if not np.issubdtype(classes.dtype, np.integer):
        raise ValueError(
            f"classes of type {classes.dtype}: give integers 0, 1, 2, ..."
            f"{_how_to_make_integers(classes)}; {_NUMBER_ANY_LABELS}"
        )
    present, counts = np.unique(classes, return_counts=True)
    wrong = np.flatnonzero(present != np.arange(len(present)))
    if wrong.size:
        raise ValueError(
            f"class {wrong[0]} has no image, while class {present[wrong[0]]} has: number the "
            f"classes 0, 1, 2, ... with none left out; {_NUMBER_ANY_LABELS}"
        )
    if counts.min() < 2:
        raise ValueError(
            f"class {counts.argmin()} has 1 image: every class needs at least 2, one to train on "
            "and one to hold out"
        )
    checked = classes.astype(np.int32)
    checked.setflags(write=False)
    return checked


def as_array(what: str, given: Any) -> Shaped[np.ndarray, "..."]:
    """What is given, if nothing is lost when it becomes an array.

    Args:
        what: its name in messages.

    Raises:
        ValueError: it is masked, sparse, of several sizes, or no array.
    """
    _checked_shape(what, given)
    try:
        array = np.asarray(given)
    except Exception as error:  # of whatever library it comes from
        raise ValueError(
            f"{what} of type {_type_of(given)} cannot be made a NumPy array ({error}): give one. A "
            f"tensor of torch becomes one by {what}.detach().cpu().float().numpy()"
        ) from error
    if array.ndim == 0:
        raise ValueError(
            f"{what} of type {_type_of(given)} are no array: give one; the entries of an iterator "
            f"become one by np.stack(list({what}))"
        )
    return array


def _checked_shape(what: str, given: Any, place: tuple[int, ...] = ()) -> tuple[int, ...] | None:
    """Looks at what is given, and at all that lists, tuples and arrays of objects hold.

    Args:
        place: where it stands in what is given, (2, 0) in images[2][0].

    Returns:
        Its shape; None where that is unknown, as of tensors that are no arrays: what converts them
        tells that.

    Raises:
        ValueError: NumPy would convert something into something else than it means, or the entries
            are of several sizes.
    """
    if not isinstance(given, list | tuple):
        _check_convertible(what, given, place)
    if not _is_a_row_of_things(given) or len(place) == _DEEPEST:
        return _shape_of(given)
    if all(map(_is_plain, set(map(type, given)))):
        return (len(given),)
    shapes = [_checked_shape(what, entry, (*place, i)) for i, entry in enumerate(given)]
    if None in shapes:
        return None
    for index, shape in enumerate(shapes):
        if shape != shapes[0]:
            row = _named(what, place)
            raise ValueError(
                f"{what} of different sizes: {row}[0] has the shape {shapes[0]}, {row}[{index}] "
                f"has {shape}. All have to be of one: resize them, or pad the smaller ones"
            )
    return len(given), *(shapes[0] or ())


def _is_a_row_of_things(given: Any) -> bool:
    return isinstance(given, list | tuple) or (
        isinstance(given, np.ndarray) and given.dtype == object and given.ndim > 0
    )


@functools.cache  # asked once for every row of every image
def _is_plain(kind: type) -> bool:
    """Whether values of this type are numbers or text, in which nothing can hide."""
    return issubclass(kind, numbers.Number | np.generic | str)


def _shape_of(entry: Any) -> tuple[int, ...] | None:
    try:
        return tuple(np.shape(entry))
    except Exception:  # of whatever library it comes from
        return None


def _named(what: str, place: tuple[int, ...]) -> str:
    return what + "".join(f"[{index}]" for index in place)


def _check_convertible(what: str, entry: Any, place: tuple[int, ...]) -> None:
    """Checks that NumPy converts an entry into what it means.

    Raises:
        ValueError: it would make something else of it.
    """
    if isinstance(entry, np.ma.MaskedArray) and (n_masked := np.ma.count_masked(entry)):
        name = _named(what, place)
        black = f"{name}.filled(0) makes masked pixels black, or " if what == "images" else ""
        raise ValueError(
            f"{name} {'is' if place else 'are'} a masked array whose mask hides {n_masked} values, "
            f"and what lies under a mask is no data: {black}leave out the images that have some, "
            f"by a mask such as np.ma.getmaskarray({name})"
        )
    if hasattr(entry, "toarray") and not isinstance(entry, np.ndarray):
        raise ValueError(
            f"{what} of type {_type_of(entry)}, a sparse matrix: give {what}.toarray(), and "
            "images reshaped to (image, row, column)"
        )
    # An image of Pillow; numbers of a palette are no brightness.
    mode = getattr(entry, "mode", "L") if hasattr(entry, "convert") else "L"
    if mode not in ("L", "1", "F"):
        raise ValueError(
            f"{what} of Pillow in the mode {mode!r}: make them grey, "
            "[image.convert('L') for image in images]"
        )


def _of_plain_type(values: np.ndarray) -> np.ndarray:
    """Objects that are all of one plain type, such as integers, as an array of it."""
    plain = values.tolist()
    same = plain and all(type(value) is type(plain[0]) for value in plain)
    return np.array(plain) if same and isinstance(plain[0], int | str) else values


def _type_of(value: Any) -> str:
    kind = type(value)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _check_shape(images: np.ndarray) -> None:
    if images.ndim == 3 and images.size:
        return
    if images.dtype == object and images.ndim == 1:
        how = "A column of images becomes an array by np.stack(list(images))"
    elif images.ndim == 2:
        how = (
            "Flat images are reshaped, np.asarray(images).reshape(len(images), rows, columns); one "
            "image is a list of one, images[None]"
        )
    elif images.ndim == 4 and images.shape[-1] == 1:
        how = "The axis of one channel is dropped, images[..., 0]"
    elif images.ndim == 4 and images.shape[1] == 1:
        how = "The axis of one channel is dropped, images[:, 0]"
    elif images.ndim == 4:
        axis = 1 if images.shape[1] == 3 and images.shape[-1] not in (3, 4) else -1
        channels = "images[..., :3]" if axis == -1 and images.shape[-1] == 4 else "images"
        white = " / 255" if images.dtype == np.uint8 else ""
        how = (
            "Of colours (image, row, column, 3) the mean is taken, "
            f"{channels}.mean(axis={axis}){white}"
        )
    else:
        how = "Look at images.shape and images.dtype"
    raise ValueError(
        f"images of shape {images.shape}: give an array (image, row, column) of at least one "
        f"pixel. {how}"
    )


def _how_to_make_floats(images: np.ndarray) -> str:
    if np.issubdtype(images.dtype, np.integer):
        return (
            f"; other whole numbers, such as 0..16, are divided by their maximum, {_scaled(images)}"
        )
    if np.issubdtype(images.dtype, np.complexfloating):
        return "; of complex numbers, np.abs(images) scaled to 0..1 may be what you mean"
    if "float" in str(images.dtype):  # such as bfloat16, which NumPy does not know
        return ": images.astype(np.float32)"
    return ""


def _check_brightness(images: np.ndarray) -> None:
    n_missing = images.size - int(np.isfinite(images).sum())
    if n_missing:
        raise ValueError(
            f"{n_missing} values of the images are NaN or infinite: leave those images out, or "
            "give their pixels a brightness from 0 to 1"
        )
    low, high = float(images.min()), float(images.max())
    if low >= -_HALF_A_LEVEL and high <= 1 + _HALF_A_LEVEL:
        return
    what = f"images from {low:.6g} to {high:.6g}: brightness in floats is 0 (black) to 1 (white)"
    cut = ""
    if low > -0.5 and high < 1.5:
        cut = "; if resizing or noise went beyond black and white, np.clip(images, 0, 1)"
    verb = "move and scale them" if low < 0 else "divide them by their maximum"
    raise ValueError(f"{what}, so {verb}, {_scaled(images)}{cut}")


def _scaled(images: np.ndarray) -> str:
    """What brings the images to 0..1 without making all of them black, or white.

    Where a few numbers are far from all others, as values that stand for "missing" are, dividing by
    the largest would leave nothing to be seen; then these are pointed out.
    """
    values = images.astype(np.float64)
    low, high = min(0.0, float(values.min())), float(values.max())
    if high <= low:
        return "once there is a pixel above 0"
    scale = "images / images.max()"
    if low < 0:
        scale = "(images - images.min()) / (images.max() - images.min())"
    seen = values[:: -(-len(values) // 1000)]
    n_levels = len(np.unique(seen))
    n_left = len(np.unique(np.rint((seen - low) / (high - low) * 255)))
    if n_left > 2 or n_levels <= 2:
        return scale
    middle = float(np.median(seen))
    return (
        f"{scale}; but first replace the values that stand for missing pixels: there are values "
        f"from {low:.6g} to {high:.6g} while half of all are below {middle:.6g}, and scaled by "
        "these all images would be black or white. Such as images = np.where(np.abs(images) > "
        "limit, 0, images), with the largest real value as the limit"
    )


def _how_to_flatten(classes: np.ndarray) -> str:
    if classes.ndim == 2 and classes.shape[1] == 1:
        return ": classes.ravel()"
    if classes.ndim == 2 and classes.dtype != object and (np.sum(classes != 0, axis=1) == 1).all():
        return ", which is np.argmax(classes, axis=1) of these one-hot labels"
    return ""


def _how_to_make_integers(classes: np.ndarray) -> str:
    if classes.dtype == np.bool_:
        return ", classes.astype(int) of True and False"
    if np.issubdtype(classes.dtype, np.floating):
        n_missing = int((~np.isfinite(classes)).sum())
        if n_missing:
            return f": {n_missing} are NaN or infinite, so leave those images out"
        if (classes == np.rint(classes)).all():
            return ", classes.astype(int) of these whole numbers"
    if classes.dtype == object:
        return ": some are missing or of another type, so leave those images out"
    return ""
