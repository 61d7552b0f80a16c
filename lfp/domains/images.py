"""Grey images as arrays: a file, one of the photographs that scikit-learn ships, handwritten digits."""

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from lfp import _checks, _files
from lfp.domains.line import Line
from lfp.domains.problems import Problem, problem

SHIPPED = ("china", "flower")


def read_image(name: str | Path, size: int) -> Float[np.ndarray, "size size"]:
    """The middle square of an image as grey values, averaged to size x size, their mean removed.

    Whole numbers of any depth run from 0 (black) to 1 (white), floats are taken as they are. It stands upright, as its
    EXIF data say; what is transparent lies on white.

    Args:
        name: an image file, or `china` or `flower`.
        size: pixels per side, 2 or more.

    Raises:
        InputError: a file that is no image, a size below 2.

    Example:
        >>> read_image("china", 16).shape
        (16, 16)
    """
    from PIL import Image

    _checks.integer("size", size, 2)
    if str(name) in SHIPPED:
        from sklearn.datasets import load_sample_image

        grey = _grey(Image.fromarray(load_sample_image(f"{name}.jpg")))
    else:
        grey = _opened(str(name))
    side = min(grey.size)
    left, top = ((whole - side) // 2 for whole in grey.size)
    box = (left, top, left + side, top + side)
    values = np.asarray(grey.resize((size, size), Image.Resampling.BOX, box=box), np.float64)
    return _checks.finite(f"image={str(name)!r}", values - values.mean())


def _opened(name: str) -> Any:
    """The grey picture in a file; of a damaged one Pillow says and raises what comes, so that all of it is caught."""
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(_files.read_input("image", name)))
            image.load()
            return _grey(image)
    except _checks.InputError as error:
        msg = f"{error}, {', '.join(SHIPPED)}"
        raise _checks.InputError(msg) from None
    except MemoryError:
        raise
    except Exception as error:
        large = isinstance(error, Image.DecompressionBombError | Image.DecompressionBombWarning)
        why = f"more than {Image.MAX_IMAGE_PIXELS} pixels" if large else "not an image, or damaged"
        msg = f"image={name!r} cannot be read: {why}; allowed: an image file, {', '.join(SHIPPED)}"
        raise _checks.InputError(msg) from None


def _grey(image: Any) -> Any:
    """Brightness as a picture of floats, from 0 to 1 where the picture has whole numbers."""
    from PIL import Image, ImageOps

    # tag 339 of TIFF: 1 for unsigned numbers, which Pillow hands out as signed ones; PNG has no more than 16 bits
    unsigned = image.mode == "I" and getattr(image, "tag_v2", {}).get(339, 1) in (1, (1,)) and image.format == "TIFF"
    short = image.mode == "I" and image.format == "PNG"
    image = ImageOps.exif_transpose(image)
    if image.mode == "F":
        return image
    if image.mode.startswith("I"):
        values = np.asarray(image)
        values = values.astype(np.uint32 if unsigned else np.uint16 if short else values.dtype)
        return Image.fromarray((values / np.iinfo(values.dtype).max).astype(np.float32))
    if "A" in image.mode or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    colours = np.asarray(image.convert("RGB"), np.float64)
    return Image.fromarray((colours @ [0.299, 0.587, 0.114] / 255).astype(np.float32))


def read_digits(name: str = "digits") -> tuple[Float[np.ndarray, "n d"], Int[np.ndarray, " n"]]:
    """Handwritten digits as rows of pixels from 0 to 1, and what they show.

    Args:
        name: `digits`, 1797 images of 8 x 8 that scikit-learn ships; `mnist`, 70 000 of 28 x 28 from the network.

    Raises:
        InputError: an unknown name.

    Example:
        >>> x, shown = read_digits()
        >>> x.shape, float(x.max()), sorted(set(shown.tolist())) == list(range(10))
        ((1797, 64), 1.0, True)
    """
    from sklearn import datasets

    if _checks.choice("name", name, ("digits", "mnist")) == "digits":
        x, shown = datasets.load_digits(return_X_y=True)
    else:
        x, shown = datasets.fetch_openml("mnist_784", return_X_y=True, as_frame=False)
    return np.asarray(x, np.float64) / np.max(x), np.asarray(shown, int)


def scan_line(row: int = 100, n: int = 64) -> Problem:
    """One row of the photograph `china.jpg` that scikit-learn ships: brightness along x, mean removed.

    Args:
        row: which row, 0 to 426.
        n: number of pixels, averaged over equal blocks of the row.

    Example:
        >>> scan_line().y.shape
        (64,)
    """
    from sklearn.datasets import load_sample_image

    grey = load_sample_image("china.jpg").astype(np.float64).mean(axis=2) / 255
    _checks.integer("row", row, 0)
    if row >= len(grey) or not 2 <= n <= grey.shape[1]:
        msg = f"row={row}, n={n} must lie in 0..{len(grey) - 1} and 2..{grey.shape[1]}"
        raise _checks.InputError(msg)
    edges = np.linspace(0, grey.shape[1], n + 1)
    integral = np.interp(edges, np.arange(grey.shape[1] + 1), np.concatenate([[0], np.cumsum(grey[row])]))
    y = np.diff(integral) / np.diff(edges)
    return problem(Line(), Line().grid(n), y - y.mean(), np.arange(1, min(8, n // 2) + 1), name=f"china.jpg row {row}")
