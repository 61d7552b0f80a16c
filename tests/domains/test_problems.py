"""Domains and problems: embedding, merging, files, refusals."""

import numpy as np
import pytest

from lfp import Circle, InputError, Line, problem, scan_line, sum_of_modes
from lfp.domains import merge, read_csv
from lfp.domains.named import domain


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


def test_csv_with_and_without_header(tmp_path):
    """A header, a byte-order mark and blank lines are passed over."""
    path = tmp_path / "data.csv"
    path.write_text("\ufeffx,y\n0,1\n\n0.5,2\n", encoding="utf-8")
    np.testing.assert_array_equal(read_csv(path), [[0, 1], [0.5, 2]])
    path.write_text("0,1\n0.5,2\n")
    np.testing.assert_array_equal(read_csv(path), [[0, 1], [0.5, 2]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x\n1\n2\n", "columns"),
        ("x,y\n1,2\n1,2,3\n", "columns"),
        ("x,y\n", "rows"),
        ("x,y\n1,2\n3,oops\n", "data row 2 is '3,oops'"),
        ("x,y\n1,2\n3,nan\n", "not finite"),
        ("x,y\n1,inf\n3,1\n", "not finite"),
    ],
)
def test_bad_files(tmp_path, content, message):
    """Every bad file is named, with what is wrong."""
    path = tmp_path / "bad.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        read_csv(path)


def test_unreadable_files(tmp_path):
    """A missing file, a folder and a picture."""
    (tmp_path / "picture.csv").write_bytes(b"\x89PNG\xff\xfe\x00")
    for name in ("missing.csv", "", "picture.csv"):
        with pytest.raises(InputError, match="cannot be read"):
            read_csv(tmp_path / name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((8, [4]), r"points=8 is too few for mode 4 \(aliasing\); allowed: at least 9"),
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
    np.testing.assert_array_equal(read_csv(tmp_path / "china.csv"), np.stack([p.t, p.y], axis=1))
