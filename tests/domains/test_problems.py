"""Domains and problems: embedding, merging, files, refusals."""

import warnings

import numpy as np
import pytest
from PIL import Image

from lfp import Circle, InputError, Line, problem, scan_line, sum_of_modes
from lfp.domains import merge, read_csv, read_image
from lfp.domains.named import domain
from lfp.domains.problems import carrying_modes


def test_sum_of_modes_has_the_amplitudes_it_was_given():
    """c_k = A_k / 2i for a sine, A_0 for the constant, on both domains."""
    for where in (Circle(), Line()):
        p = sum_of_modes(where, 32, [0, 1, 5], [0.5, 1.0, 2.0])
        np.testing.assert_allclose(p.coefficients(), [0.5, -0.5j, -1j], atol=1e-14)


def test_line_modes_are_half_cycles_per_unit():
    """On [-1, 1) mode k is k/2 cycles per unit length, end point excluded."""
    p = sum_of_modes(Line(), 16, [3])
    np.testing.assert_allclose(p.frequencies, [1.5])
    np.testing.assert_allclose(p.y, np.sin(3 * np.pi * p.t), atol=1e-14)
    assert p.t[0] == -1
    assert p.t[-1] < 1


def test_line_over_data_is_a_full_period():
    """A grid in the user's own unit is a full-period grid, mapped to [-1, 1)."""
    line = Line.over(np.arange(100.0, 110.0))
    assert (line.low, line.high) == (100.0, 110.0)
    np.testing.assert_allclose(line.embed(line.grid(4)).ravel(), [-1, -0.5, 0, 0.5])


def test_merge_refuses_what_does_not_belong_together():
    """Lengths, dimensions, NaN."""
    with pytest.raises(InputError, match=r"x of shape \(2, 3\) and y of shape \(3,\)"):
        merge(np.zeros((2, 3)), np.zeros(3))
    with pytest.raises(InputError, match="x has 1 values that are not finite"):
        merge(np.array([[0.0, np.nan]]), np.zeros(1))


def test_repeated_points_are_merged():
    """The merged problem has the loss of the raw one up to a constant: same minimiser for any weights."""
    t, y = np.array([0.0, 0.1, 0.1, 0.1]), np.array([1.0, 0.0, 3.0, 6.0])
    p = problem(Line(), t, y, [1])
    f = np.array([0.2, 0.9])
    raw = np.mean((f[[0, 1, 1, 1]] - y) ** 2)
    merged = p.weights @ (f - p.y) ** 2
    other = np.mean((2 * f[[0, 1, 1, 1]] - y) ** 2) - p.weights @ (2 * f - p.y) ** 2
    np.testing.assert_allclose(raw - merged, other, atol=1e-14)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((8, [4]), r"points=8 is too few for modes=4 \(aliasing\); allowed: at least 9"),
        ((8, [1, 1]), "twice"),
        ((8, [-1]), "whole numbers >= 0"),
        ((8, [1, 2], [1.0, 2.0, 3.0]), "amplitudes has 3 values for 2 modes"),
        ((1, [0]), "points=1"),
    ],
)
def test_bad_sums(arguments, message):
    """Aliasing and mismatches are named."""
    with pytest.raises(InputError, match=message):
        sum_of_modes(Circle(), *arguments)


def test_bad_data():
    """Lengths, NaN, one distinct point, unknown names."""
    with pytest.raises(InputError, match="two columns of one length"):
        problem(Line(), [0.0, 1.0], [1.0], [0])
    with pytest.raises(InputError, match="y has 1 values that are not finite"):
        problem(Line(), [0.0, 0.5], [1.0, np.nan], [0])
    with pytest.raises(InputError, match="distinct"):
        Line.over(np.array([3.0, 3.0]))
    with pytest.raises(InputError, match="low < high"):
        Line(1.0, 1.0)
    with pytest.raises(InputError, match=r"domain='circel' is unknown \(did you mean 'circle'\?\)"):
        domain("circel")


def test_scan_line_is_the_photograph():
    """Block means keep the mean brightness; the target has rough and smooth parts."""
    fine, coarse = scan_line(n=640), scan_line(n=160)
    np.testing.assert_allclose(fine.y.reshape(160, 4).mean(axis=1), coarse.y, atol=1e-12)
    assert 0.05 < coarse.y.std() < 0.5
    with pytest.raises(InputError, match="row=500"):
        scan_line(row=500)


def test_problem_survives_the_csv(tmp_path):
    """Written and read again, bit for bit."""
    p = scan_line(n=16)
    p.to_csv(tmp_path / "china.csv")
    np.testing.assert_array_equal(read_csv(tmp_path / "china.csv").values, np.stack([p.t, p.y], axis=1))


@pytest.mark.parametrize("t", [np.arange(0.0, 360, 5), np.linspace(0, 4 * np.pi, 9), [0.0, 7.0]])
def test_points_beyond_the_circle_are_refused(t):
    """Degrees were read as radians."""
    with pytest.raises(InputError, match=r"beyond one period of the circle; .*radians"):
        problem(Circle(), t, np.zeros(len(t)), [1])
    turned = np.deg2rad(np.arange(0, 360, 30.0)) - 3
    assert len(problem(Circle(), turned + 100 * 2 * np.pi, np.sin(turned), [1]).t) == 12


def test_points_beyond_the_line_are_refused():
    """The line is [-1, 1) unless it says otherwise."""
    t = np.linspace(0.0, 10.0, 9)
    with pytest.raises(InputError, match=r"beyond one period of the line; .*Line\.over"):
        problem(Line(), t, t, [1])
    assert problem(Line.over(t), t, t, [1]).domain.high > 10


def _saved(folder, kind, levels):
    """One picture of levels from 0 to 1, as a file of a kind."""
    whole = np.rint(255 * levels).astype(np.uint8)
    path = folder / f"{kind}.{'tif' if kind in ('32 bit', '32 bit unsigned', 'float') else 'png'}"
    if kind == "16 bit":
        Image.fromarray(np.rint(65535 * levels).astype(np.uint16)).save(path)
    elif kind == "32 bit":
        Image.fromarray(np.rint((2**31 - 1) * levels).astype(np.int32)).save(path)
    elif kind == "32 bit unsigned":
        whole = np.rint((2**32 - 1) * levels).astype(np.uint32)
        Image.fromarray(whole.view(np.int32)).save(path)
        entry = b"\x53\x01\x03\x00\x01\x00\x00\x00"  # tag 339, the kind of numbers: signed is 2
        content = path.read_bytes()
        assert content.count(entry + b"\x02") == 1
        path.write_bytes(content.replace(entry + b"\x02", entry + b"\x01"))
    elif kind == "float":
        Image.fromarray(levels.astype(np.float32)).save(path)
    elif kind == "palette":
        Image.fromarray(whole).convert("P").save(path)
    elif kind == "alpha":
        ink = np.zeros((*levels.shape, 4), np.uint8)
        ink[..., 3] = 255 - whole  # black ink on nothing
        Image.fromarray(ink).save(path)
    elif kind == "1 bit":
        Image.fromarray(levels > 0.5).save(path)
    else:
        Image.fromarray(whole).save(path)
    return path


@pytest.mark.parametrize(
    ("kind", "off"),
    [
        ("16 bit", 1e-5),
        ("32 bit", 1e-6),
        ("32 bit unsigned", 1e-6),
        ("float", 1e-6),
        ("palette", 4e-3),
        ("alpha", 4e-3),
        ("8 bit", 4e-3),
    ],
)
def test_one_picture_in_every_format(tmp_path, kind, off):
    """A 16-bit picture spanned 254, one of floats .004; alpha was left out."""
    levels = np.random.default_rng(0).uniform(size=(12, 12))
    found = read_image(_saved(tmp_path, kind, levels), 12)
    np.testing.assert_allclose(found, levels - levels.mean(), atol=off)


def test_a_picture_of_one_bit(tmp_path):
    """Black and white."""
    levels = (np.random.default_rng(0).uniform(size=(12, 12)) > 0.5).astype(float)
    np.testing.assert_allclose(read_image(_saved(tmp_path, "1 bit", levels), 12), levels - levels.mean(), atol=1e-6)


def test_a_picture_stands_upright(tmp_path):
    """EXIF orientation 6: the camera was turned by a quarter."""
    levels = np.linspace(0, 1, 36).reshape(6, 6)
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(np.rint(255 * levels).astype(np.uint8)).save(tmp_path / "turned.png", exif=exif)
    turned = np.rot90(levels, -1)
    np.testing.assert_allclose(read_image(tmp_path / "turned.png", 6), turned - turned.mean(), atol=4e-3)


@pytest.mark.parametrize("kind", ["TIFF", "JPEG"])
def test_images_with_wrong_bytes_are_read_or_refused_in_silence(kind, tmp_path):
    """One byte of 200 files is another: Pillow warns of some that it can read and of some that it cannot."""
    rng, exif, whole = np.random.default_rng(0), Image.Exif(), tmp_path / "whole"
    exif[270], exif[274] = "a long description " * 20, 6
    Image.fromarray(np.arange(64, dtype=np.uint8).reshape(8, 8)).save(whole, kind, exif=exif)
    ends = []
    for _ in range(200):
        raw = bytearray(whole.read_bytes())
        raw[rng.integers(200)] = rng.integers(256)
        (tmp_path / "wrong").write_bytes(raw)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            try:
                ends.append(np.isfinite(read_image(tmp_path / "wrong", 2)).all())
            except InputError as error:
                ends.append("cannot be read" in str(error))
        assert not said
    assert all(ends)


def test_modes_that_carry_the_target():
    """The fewest with 95 % of the energy, on a grid, on scattered points, beside a mean that is none of them."""
    height = {1: 1.0, 4: 2.0, 9: 0.5, 6: 0.1}
    p = sum_of_modes(Circle(), 64, sorted(height), [height[k] for k in sorted(height)])
    share = 5.25 / 5.26
    assert carrying_modes(p)[0].tolist() == [1, 4]
    assert carrying_modes(p, 0.97)[0].tolist() == [1, 4, 9]
    assert carrying_modes(p, 0.97)[1] == pytest.approx(share)
    t = np.random.default_rng(0).uniform(0, 2 * np.pi, 200)
    y = 100 + sum(a * np.sin(k * t) for k, a in height.items())
    modes, share = carrying_modes(problem(Circle(), t, y, [0]))
    assert modes.tolist() == [1, 4]
    assert share == pytest.approx(5 / 5.26, abs=0.05)
    with pytest.raises(InputError, match="y is 3 everywhere"):
        carrying_modes(problem(Circle(), t, 0 * t + 3, [0]))
    with pytest.raises(InputError, match="tell no mode apart"):
        carrying_modes(problem(Circle(), [0.0, 1.0], [0.0, 1.0], [0]))
