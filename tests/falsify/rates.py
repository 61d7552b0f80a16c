"""Random networks on random spaces, their shares integrated again in mpmath: true errors against the stated ones.

The reference shares nothing with lfp: dual activations by closed form, or by Hermite coefficients, in 50 digits and
more; sums over the cube, the trapezoidal rule on the torus, the tanh-sinh rule on circle and sphere.
"""

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
from mpmath import mp, mpf

from lfp import MLP, Circle, Gaussian, Hypercube, Sphere, Torus, TwoLayer, spectrum
from tests.falsify.finding import Finding
from tests.helpers import floats

CLOSED = ("relu", "leaky_relu", "erf", "gaussian", "sin")
SMOOTH = ("tanh", "sigmoid", "softplus", "silu", "ricker")
HERMITE = (300, 400)  # coefficients of the others; what more of them change tells what is left

Dual = Callable[[Any, Any, Any], tuple[Any, Any]]


def arc_cosine(leak: Any) -> Dual:
    """Of max(z, leak z), from covariance c and variances q1, q2 (Cho and Saul 2009)."""

    def dual(c: Any, q1: Any, q2: Any) -> tuple[Any, Any]:
        size = mp.sqrt(q1 * q2)
        angle, factor = mp.acos(c / size), (1 - leak) ** 2 / (2 * mp.pi)
        slope = (1 + leak**2) / 2 - factor * angle
        return slope * c + factor * mp.sqrt(abs(size**2 - c**2)), slope

    return dual


def erf(c: Any, q1: Any, q2: Any) -> tuple[Any, Any]:
    """Williams (1997)."""
    square = (1 + 2 * q1) * (1 + 2 * q2)
    return 2 / mp.pi * mp.asin(2 * c / mp.sqrt(square)), 4 / mp.pi / mp.sqrt(square - 4 * c**2)


def gaussian(c: Any, q1: Any, q2: Any) -> tuple[Any, Any]:
    """Of exp(-z^2 / 2): a determinant, and its derivative in c."""
    square = (1 + q1) * (1 + q2) - c**2
    return square**-0.5, c * square**-1.5


def sin(c: Any, q1: Any, q2: Any) -> tuple[Any, Any]:
    """Characteristic functions of u - v and u + v."""
    fall = mp.exp(-(q1 + q2) / 2)
    return fall * mp.sinh(c), fall * mp.cosh(c)


def function(name: str) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """An activation and its derivative."""
    logistic = lambda z: 1 / (1 + mp.exp(-z))  # noqa: E731
    bent = lambda z: logistic(z) * (1 - logistic(z))  # noqa: E731
    bell = lambda z: mp.exp(-(z**2) / 2)  # noqa: E731
    return {
        "tanh": (mp.tanh, lambda z: mp.sech(z) ** 2),
        "sigmoid": (logistic, bent),
        "softplus": (lambda z: mp.log1p(mp.exp(z)), logistic),
        "silu": (lambda z: z * logistic(z), lambda z: logistic(z) + z * bent(z)),
        "ricker": (lambda z: (1 - z**2) * bell(z), lambda z: (z**3 - 3 * z) * bell(z)),
    }[name]


@cache
def squares(name: str, q: Any) -> tuple[list[Any], list[Any]]:
    """E[phi(sqrt(q) z) h_m(z)]^2 and the same of phi', by the trapezoidal rule in z."""
    step, reach = mpf(1) / 32, 24
    z = [step * i for i in range(-32 * reach, 32 * reach + 1)]
    root = [mp.exp(-(a**2) / 4) / (2 * mp.pi) ** 0.25 for a in z]
    values = [[step * phi(mp.sqrt(q) * a) * p for a, p in zip(z, root, strict=True)] for phi in function(name)]
    found, before, psi = ([], []), [mpf(0)] * len(z), root
    for m in range(HERMITE[-1]):
        for some, row in zip(found, values, strict=True):
            some.append(mp.fdot(row, psi) ** 2)
        up, down = mp.sqrt(m + 1), mp.sqrt(m)
        before, psi = psi, [(a * p - down * b) / up for a, p, b in zip(z, psi, before, strict=True)]
    return found


def mehler(name: str, terms: int) -> Dual:
    """sum_m E[phi h_m]^2 rho^m; of equal variances, as on a space of unit vectors."""

    def dual(c: Any, q1: Any, q2: Any) -> tuple[Any, Any]:
        assert q1 == q2
        return tuple(mp.polyval(part[:terms][::-1], c / q1) for part in squares(name, q1))

    return dual


def dual_of(name: str, terms: int) -> Dual:
    """(c, q1, q2) -> E[phi phi], E[phi' phi']."""
    forms: dict[str, Dual] = {"relu": arc_cosine(mpf(0)), "leaky_relu": arc_cosine(mpf(0.01))}
    forms |= {"erf": erf, "gaussian": gaussian, "sin": sin}
    return forms[name] if name in forms else mehler(name, terms)


@dataclass(frozen=True)
class Drawn:
    """A network in numbers: of `MLP`, or with depth 0 of `TwoLayer` with these deviations of a, w, b."""

    name: str
    depth: int
    scales: tuple[float, ...]
    terms: int = HERMITE[-1]

    def network(self) -> MLP | TwoLayer:
        """That of lfp."""
        if self.depth:
            return MLP(2, self.depth, self.name, *self.scales)
        a, w, b = map(Gaussian, self.scales)
        return TwoLayer(2, self.name, a=a, w=w, b=b)

    def held(self) -> "Drawn":
        """With its scales as lfp holds them."""
        network = self.network()
        if isinstance(network, MLP):
            return self
        return replace(self, scales=tuple(float(part.scale) for part in (network.a, network.w, network.b)))

    def kernel(self, dot: Any, square: Any, dim: int) -> Any:
        """Its NTK at points of this scalar product and these squares of norms, in R^dim."""
        dual, scales = dual_of(self.name, self.terms), [mpf(s) ** 2 for s in self.scales]
        if not self.depth:
            a, w, b = scales
            value, slope = dual(w * dot + b, w * square + b, w * square + b)
            return value + a * slope * (1 + dot)
        w, b = scales
        c, q = w * dot / dim + b, w * square / dim + b
        ntk = c
        for _ in range(self.depth):
            value, slope = dual(c, q, q)
            c, ntk = w * value + b, w * value + b + w * slope * ntk
            q = w * dual(q, q, q)[0] + b
        return ntk


def nodes() -> Iterator[tuple[Any, Any, Any]]:
    """Angles in (0, pi), their weights in the tanh-sinh rule, and those in the rule of every second node."""
    step = mpf(1) / 48
    reach = int(mp.log(2 * mp.log(10) * mp.dps) / step) + 1
    for i in range(-reach, reach + 1):
        u = mp.pi / 2 * mp.sinh(step * i)
        weight = mp.pi**2 / 4 * step * mp.cosh(step * i) / mp.cosh(u) ** 2
        yield mp.pi / (1 + mp.exp(-2 * u)), weight, 0 if i % 2 else 2 * weight


def on_sphere(drawn: Drawn, dim: int, top: int) -> tuple[list[Any], list[Any]]:
    """N_k E[kappa P_k] under sin^(dim - 2), and the change from every second node."""
    masses, sums = [mpf(0), mpf(0)], [[mpf(0)] * (top + 1), [mpf(0)] * (top + 1)]
    for angle, *weights in nodes():
        t, density = mp.cos(angle), mp.sin(angle) ** (dim - 2)
        value, low, high = drawn.kernel(t, mpf(1), dim), mpf(1), t
        masses = [mass + density * weight for mass, weight in zip(masses, weights, strict=True)]
        for k in range(top + 1):
            for total, weight in zip(sums, weights, strict=True):
                total[k] += density * weight * value * low
            low, high = high, ((2 * k + dim) * t * high - (k + 1) * low) / (k + dim - 1)
    for total, mass in zip(sums, masses, strict=True):
        total[:] = [Sphere(dim).multiplicity(k) * a / mass for k, a in enumerate(total)]
    return sums[0], [abs(a - b) for a, b in zip(*sums, strict=True)]


def on_circle(drawn: Drawn, top: int) -> tuple[list[Any], list[Any]]:
    """The mean of kappa cos(k angle), twice beyond k = 0, and the change from every second node."""
    sums = [[mpf(0)] * (top + 1), [mpf(0)] * (top + 1)]
    for angle, *weights in nodes():
        t = mp.cos(angle)
        value, low, high = drawn.kernel(t, mpf(1), 2) / mp.pi, mpf(1), t
        for k in range(top + 1):
            for total, weight in zip(sums, weights, strict=True):
                total[k] += (2 - (k == 0)) * weight * value * low
            low, high = high, 2 * t * high - low
    return sums[0], [abs(a - b) for a, b in zip(*sums, strict=True)]


def on_cube(drawn: Drawn, dim: int, top: int) -> tuple[list[Any], list[Any]]:
    """The sum over the number of signs that differ, with Krawtchouk's polynomials in whole numbers."""
    total = [mpf(0)] * (top + 1)
    for j in range(dim + 1):
        value = math.comb(dim, j) * drawn.kernel(mpf(dim - 2 * j) / dim, mpf(1), dim) / mpf(2) ** dim
        before, now = 0, 1
        for k in range(top + 1):
            total[k] += value * now
            before, now = now, ((dim - 2 * j) * now - (dim - k + 1) * before) // (k + 1)
    return total, [mpf(0)] * (top + 1)


def on_torus(drawn: Drawn, dim: int, labels: list[tuple[int, ...]]) -> tuple[list[Any], list[Any]]:
    """The mean of kappa times a product of cosines over an even grid, and the change from half as many points."""
    sums = []
    for n in (64, 128):
        cosines = [mp.cos(2 * mp.pi * i / n) for i in range(n // 2 + 1)]
        sizes = [1 if i in (0, n // 2) else 2 for i in range(n // 2 + 1)]
        total = [mpf(0)] * len(labels)
        for where in itertools.combinations_with_replacement(range(n // 2 + 1), dim):
            orders = math.factorial(dim) // math.prod(map(math.factorial, np.unique(where, return_counts=True)[1]))
            dot = mp.fsum(cosines[i] for i in where)
            value = orders * math.prod(sizes[i] for i in where) * drawn.kernel(dot, mpf(dim), 2 * dim) / n**dim
            for place, label in enumerate(labels):
                for turned in sorted(set(itertools.permutations(label))):
                    waves = mp.fprod(cosines[min(k * i % n, -k * i % n)] for k, i in zip(turned, where, strict=True))
                    total[place] += value * 2 ** sum(k > 0 for k in label) * waves
        sums.append(total)
    return sums[1], [abs(a - b) for a, b in zip(*sums, strict=True)]


def draw(rng: np.random.Generator) -> tuple[Drawn, Any, int]:
    """A network, a space, a highest mode."""
    kind = rng.choice(["circle", "sphere", "cube", "torus"], p=[0.2, 0.35, 0.35, 0.1])
    if kind == "circle":
        space, top = Circle(), int(rng.integers(4, 65))
    elif kind == "sphere":
        space, top = Sphere(round(10 ** rng.uniform(0.4, 2))), int(rng.integers(4, 33))
    elif kind == "cube":
        space = Hypercube(round(10 ** rng.uniform(0.4, 3)))
        top = min(int(rng.integers(4, 33)), space.dim)
    else:
        space, top = Torus(int(rng.integers(1, 3))), int(rng.integers(2, 7))
    smooth = rng.random() < 0.1 and kind != "torus"
    # what has a corner converges slowly on an even grid
    name = str(rng.choice(SMOOTH if smooth else CLOSED[2:] if kind == "torus" else CLOSED))
    high = 0.3 if smooth else 0.7  # their Hermite coefficients fall slowly at large variance
    w, b = 10 ** rng.uniform(-1, high), float(rng.choice([0.0, 10 ** rng.uniform(-1.5, high)], p=[0.2, 0.8]))
    if rng.random() < 0.25:
        return Drawn(name, 0, (10 ** rng.uniform(-1, 1), w, max(b, 0.01))), space, top
    return Drawn(name, int(rng.integers(1, 3 if smooth else 5)), (w, b)), space, top


def reference(drawn: Drawn, space: Any, labels: tuple[Any, ...]) -> tuple[list[Any], list[Any]]:
    """Shares, and how well they are known, in so many digits that sums over high multiplicities keep 70."""
    top = int(max(np.ravel(labels)))
    digits = 0 if isinstance(space, Torus) else int(math.log10(max(1, space.multiplicity(top))))
    with mp.workdps(80 + digits):
        shares, unsure = integrate(drawn, space, top, labels)
        if drawn.name in SMOOTH:
            fewer, _ = integrate(replace(drawn, terms=HERMITE[0]), space, top, labels)
            unsure = [blur + 2 * abs(a - b) for blur, a, b in zip(unsure, shares, fewer, strict=True)]
    return shares, unsure


def integrate(drawn: Drawn, space: Any, top: int, labels: tuple[Any, ...]) -> tuple[list[Any], list[Any]]:
    """Shares and what the rule leaves of them, on each kind of space."""
    if isinstance(space, Torus):
        return on_torus(drawn, space.dim, list(labels))
    if isinstance(space, Circle):
        return on_circle(drawn, top)
    return (on_cube if isinstance(space, Hypercube) else on_sphere)(drawn, space.dim, top)


def search(seed: Any, count: int) -> Iterator[Finding]:
    """So many networks: for every mode what is stated of its share and what is true, relative to K(x, x)."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        drawn, space, top = draw(rng)
        wide = bool(rng.random() < 0.8)
        with floats(64 if wide else 32):
            rates, drawn = spectrum(drawn.network(), space, top), drawn.held()
        shares, unsure = reference(drawn, space, rates.labels)
        least = 1e-70 * rates.trace
        group = f"{space.name}, {'float64' if wide else 'float32'}"
        for label, share, error, true, blur in zip(
            rates.labels, rates.shares, rates.errors, shares, unsure, strict=True
        ):
            off = float(max(abs(mpf(float(share)) - true) - blur - least, 0))
            words = (
                f"{seed}/{number} {drawn} {space} mode {label}: share {share:.6e} stated +-{error:.2e}, off {off:.2e}"
            )
            # the share itself is a number of 53 bits
            yield Finding(
                words, group, float(error), off, 2.0**-52 * abs(float(share)), float(error) * 4 < abs(float(share))
            )
