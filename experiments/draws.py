"""Are learning curves right? The error of every degree, from rates alone, beside draws of kernel regression.

`python experiments/draws.py run --seed 1 --out runs` draws, one file a setting; what is there is skipped. `run --cause`
draws what tells why: Gaussian features with the rates of the sphere, and spheres of 10 to 60 dimensions. `check
--folder runs` judges every degree that carries power, counts by family, tries what must fail, and says what the rule
said.

Errors are exact means over targets and noise, so that only the samples are random. A draw costs a Cholesky factor a
ridge, n^3 / 3, and 2 n^2 N for the N functions of the judged degrees: 8e9 operations at n = 2000.
"""

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
from lfp.prediction.averaged import MeanErrors, mean_errors, zonal_factors
from lfp.prediction.samples import draw_points

NOISES, LEAST, CLOSE, DEVIATIONS = (0.0, 0.25), 1e-3, 0.05, 3.0
"""Variances of noise; errors that are judged, of the power of a degree; relative error and standard errors allowed."""
DRAWS, MOST, PRECISE = 200, 5000, 0.02
GOOD = 0.1
"""What the rule promises."""
NETWORKS = {
    "relu": lfp.MLP(2, 1),
    "relu-3": lfp.MLP(2, 3),
    "erf": lfp.MLP(2, 1, "erf"),
    "two-layer": lfp.TwoLayer(2),
}


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

    @property
    def name(self) -> str:
        """Of its file."""
        kind = "gaussian-" if self.gaussian else ""
        return f"{kind}{self.space}-{self.dim}-{self.network}-{self.samples}-{len(self.degrees)}"

    @property
    def where(self) -> Any:
        return lfp.Circle() if self.space == "circle" else getattr(lfp, self.space.capitalize())(self.dim)


def settings() -> list[Setting]:
    """Those that the gate is about, small ones first."""
    inputs = ("relu", "relu-3", "erf")
    circle = Setting("circle", 2, "two-layer", 50, (0.5,), (0.1,), (1, 3, 6), 0.5, whole=True)
    found = [circle]
    for n in (30, 100, 300, 1000, 2000):
        for network in inputs:
            found += [Setting("sphere", 10, network, n), Setting("sphere", 30, network, n, degrees=(1, 2))]
    for network in inputs:
        found += [Setting("hypercube", 10, network, n, population=1024, repeated=False) for n in (30, 100, 300, 500)]
        found.append(Setting("hypercube", 10, network, 2000, (0.1,), population=1024))
    return sorted(found, key=lambda s: s.samples)


def causes() -> list[Setting]:
    """Gaussian features; spheres with n / dim and n / dim^2 held."""
    found = [Setting("sphere", 10, network, n, gaussian=True) for n in (30, 100, 300, 1000) for network in NETWORKS]
    found = [s for s in found if s.network != "two-layer"]
    for dim in (10, 15, 20, 30, 40, 60):
        for n in (3 * dim, 10 * dim, dim**2, 3 * dim**2):
            if n <= 3600:
                found.append(Setting("sphere", dim, "relu", n, (0.0,), degrees=(1, 2)))
    return sorted(found, key=lambda s: s.samples)


Draw = Callable[[np.random.Generator], tuple[list[np.ndarray], np.ndarray]]
"""rng -> U_k of the degrees, the kernel at the samples."""


def on_space(s: Setting) -> Draw:
    """Independent points, or different corners."""
    known, top = lfp.kernel(NETWORKS[s.network]), max(s.degrees)

    def draw(rng: np.random.Generator) -> tuple[list[np.ndarray], np.ndarray]:
        x = draw_points(s.where, s.samples, rng, s.repeated)
        factors = zonal_factors(s.where, x, top)
        return factors if s.whole else [factors[k] for k in s.degrees], np.asarray(known(jnp.asarray(x), None))

    return draw


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
    return lfp.spectrum(NETWORKS[s.network], s.where, min(top, s.where.highest or top))


def measure(s: Setting, seed: int, draws: int = DRAWS, most: int = MOST) -> dict[str, Any]:
    """Errors of every draw, until their means are known well enough, and the spread that the rule looks at."""
    began, rates = time.perf_counter(), rates_of(s)
    degrees = list(range(max(s.degrees) + 1)) if s.whole else list(s.degrees)
    listed = np.where(rates.above_noise, np.exp(rates.log_rates), 0.0)[degrees]
    sizes = [rates.multiplicities[k] for k in degrees]
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
    network = NETWORKS[s.network]
    rule = [
        math.nan if s.gaussian else lfp.concentration(network, s.where, s.samples, r, **how).spread for r in s.ridges
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
    every = list(range(len(noise[0])))
    places = list(s.degrees) if s.whole else every
    for variance in s.noises:
        if not s.whole:
            power = np.full(len(every), s.power)
            yield Case("all", variance, power, every, gain @ power + variance * noise)
        for place in places:
            power = np.where(np.arange(len(every)) == place, s.power, 0.0)
            errors = gain @ power + variance * noise
            drawn = errors.sum(1) if s.whole else errors[:, place]
            yield Case("alone", variance, power, [place], drawn[:, None])


def precise(s: Setting, found: list[MeanErrors]) -> bool:
    """Whether the standard error is small wherever an error is judged."""
    gain, noise, _ = (np.array(v) for v in zip(*found, strict=True))
    return all(
        ((case.error <= PRECISE * case.mean) | (case.mean < LEAST * s.power)).all() for case in cases(s, gain, noise)
    )


def run(seed: int = 1, out: Path = Path("draws"), cause: bool = False, draws: int = DRAWS, most: int = MOST) -> None:
    """Draw all settings; what is there already is skipped."""
    jax.config.update("jax_enable_x64", True)
    out.mkdir(parents=True, exist_ok=True)
    for s in causes() if cause else settings():
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
    target: str
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
    good: bool

    def within(self, value: float) -> bool:
        """The gate."""
        return abs(value - self.drawn) <= max(DEVIATIONS * self.error, CLOSE * self.drawn)

    @property
    def off(self) -> float:
        """Theory over draws, less 1."""
        return self.theory / self.drawn - 1

    def __str__(self) -> str:
        s = self.setting
        place = (
            f"{s.network:9} n={s.samples:<5} ridge {self.ridge:<4} noise {self.noise:<5} {self.target:5} {self.degree}"
        )
        verdict = "" if self.within(self.theory) else "OFF"
        return f"{place}  {self.drawn:8.5f} +- {self.error:.5f}  {self.theory:8.5f} {100 * self.off:+6.1f} %  {verdict}"


def rows(stored: dict[str, Any]) -> Iterator[Row]:
    """All that is judged of a setting."""
    plain = {key: tuple(v) if isinstance(v, list) else v for key, v in stored["setting"].items()}
    s = Setting(**plain)
    rates = rates_of(s)
    for ridge, errors, spread in zip(s.ridges, stored["errors"], stored["spread"], strict=True):
        gain, noise = np.array(errors["gain"]), np.array(errors["noise"])
        kind = "Gaussian features, " if s.gaussian else ""
        family = f"{kind}{s.space} d={s.dim}, {'ridge' if ridge else 'no ridge'}"
        for case in cases(s, gain, noise):
            said = theories(s, rates, ridge, case)
            for i, place in enumerate(case.judged):
                mean, error = float(case.mean[i]), float(case.error[i])
                if mean >= LEAST * s.power:
                    degree = place if s.whole else s.degrees[place]
                    values = [float(one[i]) for one in said]
                    good = spread <= lfp.prediction.concentration.LARGEST_SPREAD
                    yield Row(family, s, ridge, case.target, case.noise, degree, len(gain), mean, error, *values, good)


def theories(s: Setting, rates: lfp.ModeRates, ridge: float, case: Case) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The learning curve and both controls, of the degrees that are judged."""
    power, n = np.zeros(len(rates.shares)), s.samples
    power[list(range(len(case.power))) if s.whole else list(s.degrees)] = case.power
    at = case.judged if s.whole else [s.degrees[place] for place in case.judged]
    curve = lfp.learning_curve(rates, power, n, ridge, case.noise, population=s.population, repeated=s.repeated)
    left = (1 - curve.learnability[0, at]) ** 2
    bias = (power * (1 - curve.learnability[0]) ** 2).sum() + case.noise
    alone = power[at] * left * (curve.excess[0].sum() + case.noise) / bias
    try:
        listed = np.where(rates.above_noise, rates.rates, 0.0)
        other = lfp.learning_curve(listed, power, n, ridge, case.noise)
    except lfp.InputError:  # as many samples as there are modes then
        return shown(s, curve)[at], np.full(len(at), np.nan), alone
    return shown(s, curve)[at], shown(s, other)[at], alone


def shown(s: Setting, curve: lfp.LearningCurve) -> np.ndarray:
    """Errors by degree, or at each degree their sum."""
    return np.full_like(curve.excess[0], curve.excess[0].sum()) if s.whole else curve.excess[0]


def check(folder: Path) -> bool:
    """Every degree judged, the counts by family, the controls, and the rule."""
    found = [row for path in sorted(folder.glob("*.json")) for row in rows(json.loads(path.read_text()))]
    families = list(dict.fromkeys(row.family for row in found))
    for family in families:
        print(f"\n{family}", *(row for row in found if row.family == family), sep="\n")
    print()
    failed = True
    for family in families:
        some = [row for row in found if row.family == family]
        right, once, alone = (
            sum(row.within(v) for row, v in zip(some, values, strict=True))
            for values in ([row.theory for row in some], [row.once for row in some], [row.alone for row in some])
        )
        failed &= once < len(some) and alone < len(some)
        worst = max((row.off for row in some), key=abs)
        print(
            f"{family}: {right} of {len(some)} within {DEVIATIONS:g} standard errors or {CLOSE:.0%}, largest "
            f"{worst:+.3f}; controls {once} and {alone}; draws {min(r.draws for r in some)} to "
            f"{max(r.draws for r in some)}, standard error up to {max(r.error / r.drawn for r in some):.3f}"
        )
    said = by_rule(found)
    print(
        f"the rule called {sum(good for good, _ in said)} of {len(said)} settings good to {GOOD:.0%}, "
        f"of which {sum(good and held for good, held in said)} were; {sum(held for _, held in said)} were"
    )
    return failed and all(row.within(row.theory) for row in found)


def by_rule(found: list[Row]) -> list[tuple[bool, bool]]:
    """Of each setting and ridge, what the rule said and what was."""
    groups: dict[Any, list[Row]] = {}
    for row in found:
        if not row.setting.gaussian:
            groups.setdefault((row.setting, row.ridge), []).append(row)
    return [(some[0].good, all(abs(row.off) <= GOOD for row in some)) for some in groups.values()]


if __name__ == "__main__":
    import tyro

    tyro.extras.subcommand_cli_from_dict({"run": run, "check": check})
