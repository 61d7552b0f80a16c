"""The options of every command, its settings: what can be asked for, what is refused before anything dear is imported.

None stands for an option that was not given. The names in a `Literal` are those that the library knows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_type_hints

from lfp import _checks

Theory = Literal["ntk", "lfp", "empirical", "moving", "flow"]

PAPER = ("distribution", "sigma_a", "sigma_w", "sigma_b")
"""Options of the paper's scaling."""
NTK = ("w_std", "b_std")
"""Options of neural-tangents' scaling."""


@dataclass(frozen=True)
class Overlay:
    """Train a network, predict the decay of every frequency, lay one over the other."""

    domain: Literal["circle", "line"] | None = None
    """where the data live; without it circle, line with --data"""
    data: Path | None = None
    """CSV file with columns x, y: the target is the column y, else the last; without --data a sum of modes"""
    modes: str | None = None
    """modes to follow, in cycles per period: 1,2,4 or 1-7"""
    amplitude: float = 1.0
    """amplitude of every mode of the target; of --data a factor"""
    points: int | None = None
    """number of points on the grid, where there is no --data; without it 64"""
    subsample: int | None = None
    """keep only so many rows of --data, evenly chosen"""
    activation: str = "relu"
    """activation of the neurons"""
    depth: int = 1
    """number of hidden layers"""
    width: int = 8192
    """neurons of a hidden layer"""
    parametrization: Literal["paper", "ntk"] | None = None
    """paper: two layers, antisymmetric initialisation; ntk: neural-tangents; without it paper at depth 1, ntk above"""
    distribution: Literal["gaussian", "uniform"] | None = None
    """of a, w, b (parametrization paper); without it gaussian"""
    sigma_a: float | None = None
    """output weights (parametrization paper): standard deviation (gaussian) or bound (uniform); without it 1"""
    sigma_w: float | None = None
    """input weights, likewise"""
    sigma_b: float | None = None
    """biases, likewise"""
    w_std: float | None = None
    """neural-tangents' W_std (parametrization ntk); without it sqrt(2)"""
    b_std: float | None = None
    """neural-tangents' b_std (parametrization ntk); without it 0.5"""
    alpha: float = 50.0
    """output scale; larger is lazier, the linear dynamics do not change"""
    optimizer: Literal["gd", "momentum", "nesterov", "sgd", "adam"] = "gd"
    """momentum is heavy ball, sgd takes mini-batches, adam is an estimate: it needs --theory empirical"""
    momentum: float | None = None
    """of momentum and nesterov; without it 0.9"""
    schedule: Literal["constant", "cosine", "exponential", "linear", "warmup"] = "constant"
    """multiplies lr over the steps; exponential ends at 1/100, warmup goes on as cosine"""
    batch_size: int | None = None
    """points in a batch of sgd, drawn afresh at every step, without replacement"""
    weight_decay: float = 0.0
    """decay of the displacement from initialisation, in units of a rate"""
    lr: float | None = None
    """learning rate in flow time per step; without it the lesser of 1 / largest rate and half the limit of stability"""
    probe: Literal["modes", "weights", "filter"] = "modes"
    """what is measured: modes, modes by density weights on scattered points, or low and high parts"""
    cutoffs: str | None = None
    """of --probe filter, in cycles per period: 2,4; without it the geometric mean of the lowest and the highest mode"""
    steps: int = 3000
    """steps of the optimiser"""
    snapshots: int = 80
    """number of looks at the network, evenly spaced in log(step)"""
    seeds: int = 5
    """number of networks"""
    seed: int = 0
    """seed of the ensemble"""
    theory: Theory = "ntk"
    """infinite width, the LFP operator, the kernel of each network at initialisation, the same as it moves (first
    order), infinite width in continuous time"""
    x64: bool = False
    """train in float64; the theory always is"""
    allow_divergence: bool = False
    """train even with a step beyond the limit of stability"""

    @property
    def scaling(self) -> Literal["paper", "ntk"]:
        """The parametrization, the default resolved."""
        return self.parametrization or ("paper" if self.depth == 1 else "ntk")

    def check(self) -> None:
        """Refuse what needs no computation to be refused: an unknown name, a number or an option out of place."""
        _refuse_unknown(self)
        for name, least in (("steps", 1), ("seeds", 1), ("snapshots", 2), ("seed", 0), ("depth", 1)):
            _checks.integer(name, getattr(self, name), least)
        _refuse_scaling(self, self.scaling, {"depth": self.depth})
        for name, value in given(self, ("lr", "momentum")).items():
            _checks.positive(name, value)
        if self.subsample is not None:
            _checks.integer("subsample", self.subsample, 4)
        if self.data is None:
            _refuse(self, ("subsample",), "no data", "--data")
        else:
            _refuse(self, ("points",), f"data={_text(self.data)}", "the points of the file, or --subsample")
        if self.probe != "filter":
            _refuse(self, ("cutoffs",), f"probe={self.probe!r}", "probe='filter'")
        if self.optimizer not in ("momentum", "nesterov"):
            _refuse(self, ("momentum",), f"optimizer={self.optimizer!r}", "optimizer='momentum' or 'nesterov'")
        if self.optimizer != "sgd":
            _refuse(self, ("batch_size",), f"optimizer={self.optimizer!r}", "optimizer='sgd'")
        elif self.batch_size is None or self.batch_size < 1:
            msg = f"batch_size={self.batch_size} with optimizer='sgd'; allowed: a whole number >= 1"
            raise _checks.InputError(msg)
        for name, text in given(self, ("modes", "cutoffs")).items():
            numbers(name, text)


@dataclass(frozen=True)
class Solve:
    """Solve the LFP equation for data, in time and at the limit; no network is trained."""

    data: Path | None = None
    """CSV file with columns x1..xd, y: the target is the column y, else the last"""
    image: str | None = None
    """image file, or china or flower of scikit-learn: grey values on [-1, 1] x [-1, 1]"""
    size: int | None = None
    """pixels per side that --image is averaged to; without it 256"""
    activation: str = "relu"
    """activation of the neurons"""
    sigma_a: float = 1.0
    """standard deviation of the output weights"""
    sigma_w: float = 1.0
    """standard deviation of every input weight, per unit of x"""
    sigma_b: float = 4.0
    """biases: standard deviation (gaussian) or bound (uniform)"""
    distribution: Literal["gaussian", "uniform"] = "gaussian"
    """of the biases"""
    times: str | None = None
    """flow times such as 0,1,10,inf; without them nine powers of ten from 1 / largest rate on"""
    test: Path | None = None
    """CSV file with columns x1..xd, where h is wanted; without it a grid over the data, or the pixels"""
    frequencies: str | None = None
    """frequencies along x1 at which F[h] is wanted, in cycles per unit of x; without them 1/2L, 2/2L, .. of the data"""
    treatment: Literal["finite", "instant"] = "finite"
    """finite (the flow of K_0 + K_LFP) or instant (the null space fitted at once)"""
    method: Literal["auto", "exact", "krylov"] = "auto"
    """eigendecomposition or matrix-free; auto: by the number of points"""
    tolerance: float | None = None
    """of the Krylov method, relative to the residual at the start; without it 1e-8"""

    def check(self) -> None:
        """Refuse what needs no computation to be refused: an unknown name, a number or an option out of place."""
        _refuse_unknown(self)
        if (self.data is None) == (self.image is None):
            msg = f"data={_text(self.data)} and image={self.image!r}; allowed: one of the two"
            raise _checks.InputError(msg)
        if self.image is None:
            _refuse(self, ("size",), f"data={_text(self.data)}", "--image")
        if self.method == "exact":
            _refuse(self, ("tolerance",), "method='exact'", "method='krylov' or 'auto'")
        for name, value in given(self, ("sigma_a", "sigma_w", "sigma_b", "tolerance")).items():
            _checks.positive(name, value)
        for name, text in given(self, ("times", "frequencies")).items():
            if numbers(name, text, float, increasing=True)[0] == 0 and name == "frequencies":
                msg = f"frequencies={text!r} must be > 0"
                raise _checks.InputError(msg)


@dataclass(frozen=True)
class Spectrum:
    """Rates per mode of networks of infinite width: table, picture, decay, noise floor."""

    domain: Literal["circle", "sphere", "hypercube", "torus", "euclidean"] = "circle"
    """euclidean: points, of a file or random"""
    dim: int | None = None
    """of the space around the sphere (without it 3), of the cube (10), of the points (2); angles of the torus (2)"""
    data: Path | None = None
    """CSV file with coordinates of points (domain euclidean); a column y, or a last one not called x.., is left out"""
    points: int | None = None
    """number of random points (domain euclidean); without it 1000"""
    sampling: Literal["box", "ball", "normal"] | None = None
    """random points uniform in the box [-1, 1]^dim or in the unit ball, or normal; without it box"""
    seed: int | None = None
    """of random points and frequencies; without it 0"""
    activation: str = "relu"
    """one or several activations: relu,tanh,erf"""
    depth: str = "1"
    """one or several numbers of hidden layers: 1,2,4"""
    modes: int | None = None
    """highest degree or frequency, number of rates of points; without it 64 (torus 12), or as many as there are"""
    parametrization: Literal["ntk", "paper"] = "ntk"
    """ntk (neural-tangents) or paper (two layers, Gaussian weights)"""
    w_std: float | None = None
    """neural-tangents' W_std (parametrization ntk); without it sqrt(2)"""
    b_std: float | None = None
    """neural-tangents' b_std (parametrization ntk); without it 0.5"""
    degree: int = 1
    """factors of every layer of a Pi-net (parametrization ntk); 1: an MLP"""
    scales: str | None = None
    """multi-scale inputs: a sum of networks at scaled inputs, as 1,2,4"""
    fourier: float | None = None
    """standard deviation, in cycles per unit, of the frequencies of Fourier features (domain euclidean)"""
    features: int | None = None
    """number of these frequencies; without it 64"""
    sigma_a: float | None = None
    """standard deviation of the output weights (parametrization paper); without it 1"""
    sigma_w: float | None = None
    """of the input weights, likewise"""
    sigma_b: float | None = None
    """of the biases, likewise"""

    def check(self) -> None:
        """Refuse what needs no computation to be refused: an unknown name, a number or an option out of place."""
        _refuse_unknown(self)
        if not any(name.strip() for name in self.activation.split(",")):
            msg = f"activation={self.activation!r} names none; allowed: one or several, as relu,tanh"
            raise _checks.InputError(msg)
        depths = [_checks.integer("depth", depth, 1) for depth in numbers("depth", self.depth)]
        _refuse_scaling(self, self.parametrization, {"depth": max(depths), "degree": self.degree})
        for name, least in (("modes", 0), ("dim", 1), ("degree", 1), ("points", 1), ("features", 1), ("seed", 0)):
            if getattr(self, name) is not None:
                _checks.integer(name, getattr(self, name), least)
        if self.domain != "euclidean":
            names = ("data", "points", "sampling", "fourier")
            _refuse(self, names, f"domain={self.domain!r}", "domain='euclidean'")
        if self.data is not None:
            _refuse(self, ("points", "sampling"), f"data={_text(self.data)}", "the points of the file")
        if self.fourier is None:
            _refuse(self, ("features",), "no Fourier features", "--fourier")
            if self.domain != "euclidean" or self.data is not None:
                _refuse(self, ("seed",), "nothing random", "random points, or --fourier")
        else:
            _checks.positive("fourier", self.fourier)
        if self.scales is not None:
            numbers("scales", self.scales, float)


def allowed(settings: type) -> dict[str, Any]:
    """The type of every setting, None aside; where there is a choice, its words."""
    found = {}
    for name, hint in get_type_hints(settings).items():
        parts = get_args(hint)
        kind = next(part for part in parts if part is not NoneType) if NoneType in parts else hint
        found[name] = get_args(kind) or kind
    return found


def given(settings: Any, names: Iterable[str]) -> dict[str, Any]:
    """Those of the options that were given: what is not given keeps the default of the function that takes it."""
    return {name: getattr(settings, name) for name in names if getattr(settings, name) is not None}


def numbers(name: str, text: str, kind: type = int, *, increasing: bool = False) -> list[Any]:
    """Numbers between commas, `1,2,4`; of whole numbers >= 0 also `1-7`. Increasing ones start at 0 or above."""
    values: list[Any] = []
    try:
        for part in text.split(","):
            first, _, last = part.partition("-") if kind is int else (part, "", "")
            values += range(int(first), int(last or first) + 1) if kind is int else [float(part)]
    except ValueError:
        values = []
    wrong = increasing and (values[:1] < [0.0] or any(a >= b for a, b in pairwise(values)))
    if not values or wrong or any(value != value for value in values):
        allowed = "whole numbers >= 0 such as 1,2,4 or 1-7" if kind is int else "numbers > 0 such as 1,2,4"
        allowed = "increasing numbers >= 0 such as 0,1,10,inf" if increasing else allowed
        msg = f"{name}={text!r} cannot be read; allowed: {allowed}"
        raise _checks.InputError(msg)
    return values


def refuse_words(settings: type, arguments: Iterable[str]) -> None:
    """Refuse the first word of a command line that its option cannot take, naming the nearest choice."""
    words = [part for text in arguments for part in (text.split("=", 1) if text.startswith("--") else [text])]
    kinds = allowed(settings)
    for option, value in pairwise(words):
        name = option.removeprefix("--").replace("-", "_")
        kind = kinds.get(name) if option.startswith("--") else None
        if isinstance(kind, tuple):
            _checks.choice(name, value, kind)
        if kind in (int, float) and not value.startswith("--"):
            try:
                kind(value)
            except ValueError:
                what = "whole number" if kind is int else "number"
                msg = f"{name}={value!r} is no {what}; allowed: {option} and a {what}"
                raise _checks.InputError(msg) from None


def _refuse_unknown(settings: Any) -> None:
    kinds = allowed(type(settings))
    for name, value in given(settings, [name for name, kind in kinds.items() if isinstance(kind, tuple)]).items():
        _checks.choice(name, value, kinds[name])


def _refuse_scaling(settings: Any, scaling: str, single: dict[str, int]) -> None:
    """Refuse the options of the other scaling, and more than one layer or factor in the paper's."""
    there = f"parametrization={scaling!r}"
    if scaling == "ntk":
        _refuse(settings, [name for name in PAPER if hasattr(settings, name)], there, "parametrization='paper'")
        return
    _refuse(settings, NTK, there, "parametrization='ntk'")
    for name, value in single.items():
        if value != 1:
            msg = f"{name}={value} with {there}; allowed: 1, or parametrization='ntk'"
            raise _checks.InputError(msg)
    for name, value in given(settings, PAPER[1:]).items():
        _checks.positive(name, value)


def _refuse(settings: Any, names: Iterable[str], there: str, allowed: str) -> None:
    """Refuse options that were given where they do not apply."""
    for name, value in given(settings, names).items():
        msg = f"{name}={_text(value)} with {there}; allowed: {allowed}"
        raise _checks.InputError(msg)


def _text(value: Any) -> str:
    return repr(str(value) if isinstance(value, Path) else value)
