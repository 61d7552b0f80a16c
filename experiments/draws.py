"""Are learning curves right? The error of every degree, from rates alone, beside draws of kernel regression.

`python experiments/draws.py run --seed 1 --out runs` draws, one file a setting; what is there is skipped. `run --cause`
draws what tells why: Gaussian features with the rates of the sphere, and spheres of 10 to 60 dimensions. `run
--random 40` draws settings that nobody has seen, for the rule. `check --folder runs` judges every degree that carries
power, counts by family, tries what must fail, and says what the rule said; `dimensions` shows how the deviation falls.

Errors are exact means over targets and noise, so that only the samples are random. A draw costs a Cholesky factor a
ridge, n^3 / 3, and 2 n^2 N for the N functions of the judged degrees: 8e9 operations at n = 2000.
"""

import contextlib
import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import lfp
from lfp.domains.harmonics import zonal_functions
from lfp.prediction.averaged import regularised, zonal_factor
from lfp.prediction.concentration import LARGEST_SPREAD
from lfp.prediction.samples import draw_points

NOISES, LEAST, CLOSE, DEVIATIONS = (0.0, 0.25), 1e-3, 0.05, 3.0
"""Variances of noise; errors that are judged, of the power of a degree; relative error and standard errors allowed."""
DRAWS, MOST, PRECISE = 200, 5000, 0.02
SIZES = {
    "n = 3 d": lambda d: 3 * d,
    "n = 10 d": lambda d: 10 * d,
    "n = d^2": lambda d: d**2,
    "n = 3 d^2": lambda d: 3 * d**2,
}
LARGEST = 3600
INPUTS = ("relu", "relu-3", "erf")
_WHOLE = 49  # degrees of the circle that make up its whole error
GOOD = 0.1
"""What the rule promises."""


def network(name: str) -> Any:
    """relu, relu-3 with three layers, or the paper's."""
    activation, _, depth = name.partition("-")
    return lfp.TwoLayer(2) if name == "two-layer" else lfp.MLP(2, int(depth or 1), activation)


@dataclass(frozen=True)
class Setting:
    """What is drawn at once; everything but the samples follows from it."""

    space: str
    dim: int
    network: str
    samples: int
    ridges: tuple[float, ...] = (0.0, 0.1)
    noises: tuple[float, ...] = NOISES
    degrees: tuple[int, ...] = (1, 2, 3)
    power: float = 1.0
    population: int | None = None
    repeated: bool = True
    gaussian: bool = False
    whole: bool = False
    """Whether the error of all degrees together is judged, of targets of one degree."""
    label: str = ""

    @property
    def name(self) -> str:
        """Of its file."""
        if self.label:
            return self.label
        kind = "gaussian-" if self.gaussian else ""
        return f"{kind}{self.space}-{self.dim}-{self.network}-{self.samples}-{len(self.degrees)}"

    @property
    def followed(self) -> list[int]:
        """Degrees in which errors are measured."""
        return list(range(_WHOLE)) if self.whole else list(self.degrees)

    @property
    def where(self) -> Any:
        return lfp.Circle() if self.space == "circle" else getattr(lfp, self.space.capitalize())(self.dim)


def settings() -> list[Setting]:
    """Those that the gate is about, small ones first."""
    circle = Setting("circle", 2, "two-layer", 50, (0.5,), (0.1,), (1, 3, 6), 0.5, whole=True)
    found = [circle]
    for n in (30, 100, 300, 1000, 2000):
        for network in INPUTS:
            found += [Setting("sphere", 10, network, n), Setting("sphere", 30, network, n, degrees=(1, 2))]
    for network in INPUTS:
        found += [Setting("hypercube", 10, network, n, population=1024, repeated=False) for n in (30, 100, 300, 500)]
        found.append(Setting("hypercube", 10, network, 2000, (0.1,), population=1024))
    return sorted(found, key=lambda s: s.samples)


def causes() -> list[Setting]:
    """Gaussian features; spheres with n / dim and n / dim^2 held."""
    found = [Setting("sphere", 10, network, n, gaussian=True) for n in (30, 100, 300, 1000) for network in INPUTS]
    for dim in (10, 15, 20, 30, 40, 60):
        sizes = {n(dim) for n in SIZES.values()}
        found += [Setting("sphere", dim, "relu", n, (0.0,), degrees=(1, 2)) for n in sizes if n <= LARGEST]
    return sorted(found, key=lambda s: s.samples)


def fresh(seed: int, count: int) -> list[Setting]:
    """Random ones, for the rule: nobody has seen them before."""
    rng, found = np.random.default_rng([seed, 40]), []
    for i in range(count):
        space = str(rng.choice(["circle", "sphere", "hypercube"]))
        dim = {"circle": 2, "sphere": int(rng.integers(3, 31)), "hypercube": int(rng.integers(6, 16))}[space]
        name = f"{rng.choice(['relu', 'erf', 'gelu'])}-{rng.integers(1, 4)}"
        n = int(np.exp(rng.uniform(np.log(10), np.log(500))))
        ridge = float(rng.choice([0.0, np.exp(rng.uniform(np.log(1e-3), 0.0))]))
        population = 2**dim if space == "hypercube" else None
        found.append(Setting(space, dim, name, n, (ridge,), (0.0,), population=population, label=f"fresh-{i}"))
    return found


Draw = Callable[[np.random.Generator], tuple[list[np.ndarray], np.ndarray]]
"""rng -> U_k of the degrees, the kernel at the samples."""


def on_space(s: Setting) -> Draw:
    """Independent points, or different corners."""
    known = lfp.kernel(network(s.network))

    def draw(rng: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray]:
        x = draw_points(s.where, s.samples, rng, s.repeated)
        zonal = enumerate(zonal_functions(s.where, x @ x.T, max(s.followed)))
        sizes = {k: min(s.where.multiplicity(k), s.samples) for k in s.followed}
        factors = [zonal_factor(values, sizes[k]) for k, values in zonal if k in sizes]
        return factors, np.asarray(known(jnp.asarray(x), None))

    return draw


class MeanErrors(NamedTuple):
    """On the samples of a draw, in the mean over targets and noise.

    Args:
        gain: error of degree k of a target of power 1 in degree j.
        noise: error of degree k of noise of variance 1.
        learnt: share of a mode of degree k that is learnt, in the mean.
    """

    gain: np.ndarray
    noise: np.ndarray
    learnt: np.ndarray


def mean_errors(
    factors: list[np.ndarray],
    multiplicities: list[int],
    rates: np.ndarray,
    gram: np.ndarray,
    ridge: float,
) -> MeanErrors:
    """The errors of the degrees whose U_k are given, after one solve.

    With R = (K + ridge)^-1 all of it is in U^T R U: one factor of K serves all targets and all noises.
    """
    edges = np.cumsum([0, *(factor.shape[1] for factor in factors)])
    columns = np.concatenate(factors, axis=1)
    solved = regularised(gram, ridge, columns)
    squares = np.add.reduceat(np.add.reduceat((columns.T @ solved) ** 2, edges[:-1], 0), edges[:-1], 1)
    learnt = rates * np.add.reduceat((columns * solved).sum(0), edges[:-1])
    height = rates**2 * np.array(multiplicities, float)
    gain = height[:, None] * squares + np.diag(1 - 2 * learnt)
    return MeanErrors(gain, height * np.add.reduceat((solved**2).sum(0), edges[:-1]), learnt)


def of_gaussians(s: Setting, rates: lfp.ModeRates, many: float = 20.0) -> Draw:
    """Gaussian features with these rates; of degrees with `many` n functions the Gaussian limit of Wishart matrices."""
    n, listed = s.samples, np.exp(rates.log_rates)

    def draw(rng: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray]:
        factors, variance = {}, 0.0
        gram = np.eye(n) * max(rates.tail, 0.0)
        for k, (size, rate) in enumerate(zip(rates.multiplicities, listed, strict=True)):
            if size >= many * n and k not in s.degrees:
                gram += np.eye(n) * size * rate
                variance += size * rate**2
                continue
            if size > n:  # Bartlett
                root = np.tril(rng.standard_normal((n, n)), -1) + np.diag(np.sqrt(rng.chisquare(size - np.arange(n))))
            else:
                root = rng.standard_normal((n, size))
            factors[k] = root / math.sqrt(size)
            gram += size * rate * factors[k] @ factors[k].T
        noise = rng.standard_normal((n, n))
        gram += math.sqrt(variance / 2) * (noise + noise.T)
        return [factors[k] for k in s.degrees], gram

    return draw


def rates_of(s: Setting) -> lfp.ModeRates:
    top = 4096 if s.space == "circle" else 64
    return lfp.spectrum(network(s.network), s.where, min(top, s.where.highest or top))  # type: ignore[return-value]


def measure(s: Setting, seed: int, draws: int = DRAWS, most: int = MOST) -> dict[str, Any]:
    """Errors of every draw, until their means are known well enough, and the spread that the rule looks at."""
    began, rates = time.perf_counter(), rates_of(s)
    listed = np.where(rates.above_noise, np.exp(rates.log_rates), 0.0)[s.followed]
    sizes = [rates.multiplicities[k] for k in s.followed]
    draw = of_gaussians(s, rates) if s.gaussian else on_space(s)
    found: dict[float, list[MeanErrors]] = {ridge: [] for ridge in s.ridges}
    count = 0
    while count < draws or (count < most and not all(precise(s, found[ridge]) for ridge in s.ridges)):
        for i in range(count, count + min(draws, most)):
            factors, gram = draw(np.random.default_rng([seed, i]))
            for ridge in s.ridges:
                found[ridge].append(mean_errors(factors, sizes, listed, gram, ridge))
        count = len(found[s.ridges[0]])
    how = {"repeated": s.repeated, "seed": seed}
    rule = [
        math.nan if s.gaussian else lfp.concentration(network(s.network), s.where, s.samples, r, **how).spread
        for r in s.ridges
    ]
    errors = [
        {name: np.array(v).tolist() for name, v in zip(MeanErrors._fields, zip(*found[r], strict=True), strict=True)}
        for r in s.ridges
    ]
    return {
        "setting": asdict(s),
        "seed": seed,
        "spread": rule,
        "errors": errors,
        "seconds": time.perf_counter() - began,
    }


class Case(NamedTuple):
    """A target, a noise, and the errors that are judged: of each draw, one column a degree."""

    target: str
    noise: float
    power: np.ndarray
    judged: list[int]
    drawn: np.ndarray

    @property
    def mean(self) -> np.ndarray:
        return self.drawn.mean(0)

    @property
    def error(self) -> np.ndarray:
        return self.drawn.std(0) / math.sqrt(len(self.drawn) - 1)


def cases(s: Setting, gain: np.ndarray, noise: np.ndarray) -> Iterator[Case]:
    """Power in all degrees, and in each alone."""
    places = [s.followed.index(k) for k in s.degrees]
    for variance in s.noises:
        if not s.whole:
            power = np.full(len(places), s.power)
            yield Case("all", variance, power, places, gain @ power + variance * noise)
        for place in places:
            power = np.where(np.arange(noise.shape[1]) == place, s.power, 0.0)
            errors = gain @ power + variance * noise
            yield Case("alone", variance, power, [place], (errors.sum(1) if s.whole else errors[:, place])[:, None])


def precise(s: Setting, found: list[MeanErrors]) -> bool:
    """Whether the standard error is small wherever an error is judged."""
    gain, noise, _ = (np.array(v) for v in zip(*found, strict=True))
    return all(
        ((case.error <= PRECISE * case.mean) | (case.mean < LEAST * s.power)).all() for case in cases(s, gain, noise)
    )


def run(
    seed: int = 1,
    out: Path = Path("draws"),
    cause: bool = False,
    random: int = 0,
    draws: int = DRAWS,
    most: int = MOST,
) -> None:
    """Draw all settings, those that tell why, or so many random ones; what is there already is skipped."""
    jax.config.update("jax_enable_x64", True)
    out.mkdir(parents=True, exist_ok=True)
    for s in fresh(seed, random) if random else causes() if cause else settings():
        path = out / f"{seed}-{s.name}.json"
        if path.exists():
            continue
        result = measure(s, seed, draws, most)
        path.write_text(json.dumps(result))
        jax.clear_caches()
        print(s.name, f"{len(result['errors'][0]['noise'])} draws in {result['seconds']:.0f} s", flush=True)


class Row(NamedTuple):
    """One error that is judged."""

    family: str
    setting: Setting
    ridge: float
    noise: float
    degree: int
    draws: int
    drawn: float
    error: float
    theory: float
    once: float
    """The theory with multiplicities left out: a control."""
    alone: float
    """E_0 v_k (1 - l_k)^2: the other control."""
    gaussian: float
    """The theory of Gaussian features, without pairs of samples."""
    good: bool

    def within(self, value: float) -> bool:
        """The gate."""
        return abs(value - self.drawn) <= max(DEVIATIONS * self.error, CLOSE * self.drawn)

    @property
    def verdicts(self) -> list[bool]:
        """Of the theory, of both controls, and of Gaussian features."""
        return [self.within(value) for value in (self.theory, self.once, self.alone, self.gaussian)]

    @property
    def off(self) -> float:
        """Theory over draws, less 1."""
        return self.theory / self.drawn - 1

    def __str__(self) -> str:
        s = self.setting
        place = f"{s.network:9} n={s.samples:<5} ridge {self.ridge:<4} noise {self.noise:<5} degree {self.degree}"
        verdict = "" if self.within(self.theory) else "OFF"
        offs = f"{100 * self.off:+6.1f} % (Gaussian {100 * (self.gaussian / self.drawn - 1):+6.1f} %)"
        return f"{place}  {self.drawn:8.5f} +- {self.error:.5f}  {self.theory:8.5f} {offs}  {verdict}"


def rows(stored: dict[str, Any]) -> Iterator[Row]:
    """All that is judged of a setting."""
    plain: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in stored["setting"].items()}
    s = Setting(**plain)
    rates, kind = rates_of(s), "Gaussian features, " if s.gaussian else ""
    for ridge, errors, spread in zip(s.ridges, stored["errors"], stored["spread"], strict=True):
        gain, noise = np.array(errors["gain"]), np.array(errors["noise"])
        for case in cases(s, gain, noise):
            family = f"{kind}{s.space} d={s.dim}, {'ridge' if ridge else 'no ridge'}, power in {case.target}"
            said = theories(s, rates, ridge, case)
            for i, place in enumerate(case.judged):
                mean, error = float(case.mean[i]), float(case.error[i])
                if mean >= LEAST * s.power:
                    values = [float(theory[i]) for theory in said]
                    where = (family, s, ridge, case.noise, s.followed[place], len(gain))
                    yield Row(*where, mean, error, *values, spread <= LARGEST_SPREAD)


def theories(s: Setting, rates: lfp.ModeRates, ridge: float, case: Case) -> list[np.ndarray]:
    """The learning curve, both controls, and the curve of Gaussian features, of the degrees that are judged."""
    power, n, at = np.zeros(len(rates.shares)), s.samples, [s.followed[place] for place in case.judged]
    power[s.followed] = case.power
    curve = lfp.learning_curve(rates, power, n, ridge, case.noise, population=s.population, repeated=s.repeated)
    bias = power * (1 - curve.learnability[0]) ** 2
    whole = curve.excess[0].sum()
    alone = bias[at] * (whole + case.noise) / (bias.sum() + case.noise)
    once = np.full(len(at), np.nan)
    with contextlib.suppress(lfp.InputError):  # as many samples as there are modes then
        listed = np.where(rates.above_noise, rates.rates, 0.0)
        excess = lfp.learning_curve(listed, power, n, ridge, case.noise).excess[0]
        once = np.full(len(at), excess.sum()) if s.whole else excess[at]
    plain = np.full(len(at), whole) if s.whole else curve.excess[0, at]
    if s.space != "sphere" or s.gaussian:
        return [plain, once, alone, plain]
    paired = lfp.learning_curve(rates, power, n, ridge, case.noise, where=s.where)
    return [paired.excess[0, at], once, alone, plain]


def check(folder: Path) -> bool:
    """Every degree judged, the counts by family, the controls, and the rule."""
    found = [row for path in sorted(folder.glob("*.json")) for row in rows(json.loads(path.read_text()))]
    families: dict[str, list[Row]] = {}
    for row in found:
        families.setdefault(row.family, []).append(row)
    for family, some in families.items():
        print(f"\n{family}", *some, sep="\n")
    print(f"\nwithin {DEVIATIONS:g} standard errors or {CLOSE:.0%}:")
    passed = [count(family, some) for family, some in families.items()]
    said = by_rule(found)
    print(
        f"the rule called {sum(good for good, _ in said)} of {len(said)} settings good to {GOOD:.0%}, "
        f"of which {sum(good and held for good, held in said)} were; {sum(held for _, held in said)} were"
    )
    return all(passed)


def count(family: str, some: list[Row]) -> bool:
    """Of one family, whether every degree is within the gate and no control is."""
    right, once, alone, gaussian = (sum(values) for values in zip(*(row.verdicts for row in some), strict=True))
    worst, draws = max((row.off for row in some), key=abs), [row.draws for row in some]
    print(
        f"{family}: {right} of {len(some)}, largest {worst:+.3f}; Gaussian {gaussian}; controls {once} and {alone}; "
        f"draws {min(draws)} to {max(draws)}, standard error up to {max(row.error / row.drawn for row in some):.3f}"
    )
    return right == len(some) and once < len(some) and alone < len(some)


def by_rule(found: list[Row]) -> list[tuple[bool, bool]]:
    """Of each setting and ridge with power in all degrees, what the rule said and what was."""
    groups: dict[Any, list[Row]] = {}
    for row in found:
        if not row.setting.gaussian and not row.family.endswith("alone"):
            groups.setdefault((row.setting, row.ridge), []).append(row)
    return [(some[0].good, all(abs(row.off) <= GOOD for row in some)) for some in groups.values()]


def dimensions(folder: Path) -> None:
    """How theory over draws, less 1, falls with the dimension at fixed n / dim and n / dim^2, and as which power."""
    groups: dict[Any, list[Row]] = {}
    for path in sorted(folder.glob("*-sphere-*.json")):
        for row in rows(json.loads(path.read_text())):
            s = row.setting
            for name, n in SIZES.items():
                if not s.gaussian and n(s.dim) == s.samples and s.degrees == (1, 2):
                    groups.setdefault((name, row.family.split("in ")[1], row.noise, row.degree), []).append(row)
    for key, some in groups.items():
        some = sorted(some, key=lambda row: row.setting.dim)
        dims, error = [row.setting.dim for row in some], [row.error / row.drawn for row in some]
        for name in ("gaussian", "theory"):
            off = [getattr(row, name) / row.drawn - 1 for row in some]
            sure = [(math.log(d), math.log(abs(o))) for d, o, e in zip(dims, off, error, strict=True) if abs(o) > 3 * e]
            power = f"{np.polyfit(*zip(*sure, strict=True), 1)[0]:.2f}" if len(sure) > 2 else "-"  # type: ignore[misc]
            shown = ", ".join(f"{d}: {100 * o:+.2f} +- {100 * e:.2f}" for d, o, e in zip(dims, off, error, strict=True))
            print(*key, f"{name}: {shown} %; power {power}")


if __name__ == "__main__":
    import tyro

    tyro.extras.subcommand_cli_from_dict({"run": run, "check": check, "dimensions": dimensions})
