"""The options of every command, its settings: what can be asked for, what is refused before anything dear is imported.

None stands for an option that was not given. The names in a `Literal` are those that the library knows.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from lfp import _checks


class Within(NamedTuple):
    """What a number may be: from the least to the most, both allowed."""

    least: float
    most: float


Count = Annotated[int, Within(1, 10**7)]
Seed = Annotated[int, Within(0, 2**31 - 1)]
_DEPTHS = Within(1, 1000)
Depth = Annotated[int, _DEPTHS]
Scale = Annotated[float, Within(1e-15, 1e15)]
"""Of weights and targets: their squares and fourth powers are numbers in single precision too."""
Theory = Literal["ntk", "lfp", "empirical", "separate", "moving", "meanfield", "flow", "reference"]

LARGEST_WHOLE, MOST_NUMBERS = 10**6, 10**4
"""Of numbers between commas: the largest whole one, and how many there may be."""
MOST_DEGREES = 100
"""The highest degree of the target of `lfp learn`."""
LAZY_ALPHA = 50.0
"""Output scale of networks that are near their linear limit."""
SPACES = ("sphere", "torus", "hypercube")
"""Domains of several dimensions whose modes come in degrees."""
PAPER = ("distribution", "sigma_a", "sigma_w", "sigma_b")
"""Options of the paper's scaling."""
NTK = ("w_std", "b_std")
"""Options of neural-tangents' scaling."""


@dataclass(frozen=True)
class Reading:
    """What is read of --data."""

    columns: str | None = None
    """columns of --data that hold the coordinates, by name or, without a header, by number: x1,x2; without it all
    but the target"""
    target: str | None = None
    """column of --data that holds the target; without it y, else the last. In overlay it may be several: y1,y2"""
    missing: Literal["refuse", "drop"] | None = None
    """rows of --data with gaps: refuse or drop; without it refuse"""
    subsample: Annotated[int, Within(4, 10**7)] | None = None
    """keep only so many rows of --data, drawn with --seed"""
    even: bool = False
    """the rows of --subsample evenly in the order of the coordinates in place of drawn ones"""
    standardize: bool = False
    """take the mean off and divide by the standard deviation: of the targets in overlay, which fits its domain to the
    coordinates; of both in solve and learn; of the coordinates in spectrum. Results are in your units, in learn in
    standard deviations"""

    @property
    def labelled(self) -> bool:
        """Whether the target is a label."""
        return getattr(self, "classes", False)

    def check_reading(self, data: Path | None) -> None:
        """Refuse what needs data, where there is none."""
        if data is None:
            refuse(self, ("columns", "target", "missing", "subsample"), "no data", "--data")
            for name in ("center", "standardize", "classes"):
                if getattr(self, name, False):
                    msg = f"{name}=True with no data; allowed: --data"
                    raise _checks.InputError(msg)
        if self.standardize and getattr(self, "center", False):
            msg = "center=True with standardize=True, which takes the mean off too; allowed: one of the two"
            raise _checks.InputError(msg)
        if self.even and self.subsample is None:
            msg = "even=True with no subsample; allowed: with --subsample"
            raise _checks.InputError(msg)


@dataclass(frozen=True)
class Overlay(Reading):
    """Train a network, predict the decay of every frequency, lay one over the other."""

    domain: Literal["circle", "line", "points", "sphere", "torus", "hypercube"] | None = None
    """where the data live; without it circle, with --data line, or points of R^d where it has several coordinates"""
    dim: Annotated[int, Within(1, 10**4)] | None = None
    """dimension of sphere (3 without it) and hypercube (10), angles of the torus (2); with --data the columns say it"""
    data: Path | None = None
    """file with columns x, y or x1..xd, y, separated by anything, also packed as .gz; without --data a sum of modes"""
    classes: bool = False
    """the target is a label, of words or numbers: one output a class, 1 where a row is of it, else 0"""
    center: bool = False
    """take the mean of the targets off; results are in your units"""
    period: Scale | None = None
    """what one turn of circle or torus counts: 360, 24, 12; without it 2 pi. Alone it makes the domain the circle"""
    modes: str | None = None
    """modes to follow, in cycles per period: 1,2,4 or 1-7; auto: those that carry the target, 95 % of its energy. Of
    --probe degree degrees, of rank ranks, of direction cycles per range; without --data the degrees of the target"""
    amplitude: Annotated[float, Within(-1e15, 1e15)] = 1.0
    """amplitude of every mode of the target; of --data a factor"""
    points: Count | None = None
    """number of points where there is no --data: on a grid, 64 without it; on sphere, torus, hypercube random, 256"""
    activation: str = "relu"
    """activation of the neurons"""
    depth: Depth = 1
    """number of hidden layers"""
    width: Count = 8192
    """neurons of a hidden layer"""
    parametrization: Literal["paper", "ntk", "standard"] | None = None
    """paper: two layers, antisymmetric initialisation; ntk: neural-tangents, standard normal weights behind factors;
    standard: the weights themselves, as most code has them; without it paper at depth 1, ntk above"""
    distribution: Literal["gaussian", "uniform"] | None = None
    """of a, w, b (parametrization paper); without it gaussian"""
    sigma_a: Scale | None = None
    """output weights (parametrization paper): standard deviation (gaussian) or bound (uniform); without it 1"""
    sigma_w: Scale | None = None
    """input weights, likewise"""
    sigma_b: Scale | None = None
    """biases, likewise"""
    w_std: Scale | None = None
    """neural-tangents' W_std (parametrization ntk, standard), weights of deviation w_std / sqrt(fan_in): sqrt(2)
    as He's, 1 as LeCun's; without it sqrt(2)"""
    b_std: Annotated[float, Within(0.0, 1e15)] | None = None
    """neural-tangents' b_std (parametrization ntk, standard), of biases; without it 0.5"""
    scales: str | None = None
    """multi-scale inputs: a sum of networks, each of --width neurons, at scaled inputs, as 1,2,4"""
    omega: Scale | None = None
    """omega_0 of a SIREN: the input times it, with --activation sin"""
    fourier: Annotated[float, Within(1e-6, 1e6)] | None = None
    """standard deviation, in cycles per unit of x, of the frequencies of Fourier features before the network"""
    features: Count | None = None
    """number of these frequencies; without it 64"""
    alpha: Scale | None = None
    """output scale; larger is lazier, the linear dynamics do not change; without it, and without gamma, 50"""
    keep_f0: bool = False
    """train f itself, as most code does, in place of f - f_0 (not with parametrization paper, whose f_0 is 0)"""
    gamma: Scale | None = None
    """how far features are learnt, 1 / (alpha sqrt(width)), in place of alpha: at a fixed gamma theory="meanfield" is
    the limit of infinite width"""
    optimizer: Literal["gd", "momentum", "nesterov", "sgd", "adam"] = "gd"
    """momentum is heavy ball, sgd takes mini-batches, adam is an estimate: it needs --theory empirical"""
    momentum: Annotated[float, Within(0.0, 1.0)] | None = None
    """of momentum and nesterov; without it 0.9"""
    schedule: Literal["constant", "cosine", "exponential", "linear", "warmup"] = "constant"
    """multiplies lr over the steps; exponential ends at 1/100, warmup goes on as cosine"""
    batch_size: Count | None = None
    """points in a batch of sgd, drawn afresh at every step, without replacement"""
    weight_decay: Annotated[float, Within(0.0, 1e15)] = 0.0
    """decay of the displacement from initialisation, in units of a rate"""
    lr: Scale | None = None
    """learning rate in flow time per step; without it the lesser of 1 / largest rate and half the limit of stability"""
    probe: Literal["modes", "weights", "filter", "rank", "direction", "degree"] | None = None
    """what is measured: modes, modes by density weights on scattered points, low and high parts, eigenfunctions of the
    kernel by rank, waves along two principal directions, parts by degree; without it modes on circle and line, rank on
    points, degree on sphere, torus and hypercube"""
    cutoffs: str | None = None
    """of --probe filter, in cycles per period: 2,4; without it the geometric mean of the lowest and the highest mode.
    On points in cycles per unit of x: 0.2; without it 1 / (pi times the median distance)"""
    steps: Annotated[int, Within(1, 10**7)] = 3000
    """steps of the optimiser"""
    snapshots: Annotated[int, Within(2, 10**5)] = 80
    """number of looks at the network, evenly spaced in log(step)"""
    seeds: Annotated[int, Within(1, 10**4)] = 5
    """number of networks"""
    seed: Seed = 0
    """seed of the ensemble, and of --subsample: a sweep over it draws other rows"""
    theory: Theory = "ntk"
    """infinite width, the LFP operator, the kernel of each network at initialisation, the same with every output alone,
    the same as it moves (first order), infinite width of two layers that learn features, infinite width in continuous
    time; reference is for optimisers without law, in Python"""
    x64: bool = False
    """train in float64; the theory always is"""
    allow_divergence: bool = False
    """train even with a step beyond the limit of stability"""

    @property
    def scaling(self) -> Literal["paper", "ntk", "standard"]:
        """The parametrization, the default resolved."""
        return self.parametrization or ("paper" if self.depth == 1 else "ntk")

    @property
    def scale(self) -> float:
        """alpha, from gamma where that was given, the default resolved."""
        if self.gamma is not None:
            return 1 / (self.gamma * self.width**0.5)
        return LAZY_ALPHA if self.alpha is None else self.alpha

    @property
    def followed(self) -> str:
        """The probe, the default resolved where the domain says it."""
        return self.probe or {"points": "rank", **dict.fromkeys(SPACES, "degree")}.get(self.domain or "", "modes")

    def check_domain(self) -> None:
        """Refuse what belongs to another domain."""
        there, spaces = f"domain={self.domain!r}", "domain='sphere', 'torus' or 'hypercube'"
        if self.domain in ("line", "points", "sphere", "hypercube"):
            refuse(self, ("period",), there, "domain='circle' or 'torus'")
        if self.domain not in SPACES:
            refuse(self, ("dim",), there, spaces)
            if self.probe == "degree":
                refuse(self, ("probe",), there, spaces)
        if self.domain == "points" and self.data is None:
            msg = f"{there} with no data; allowed: --data, or {spaces}"
            raise _checks.InputError(msg)
        if self.domain in (*SPACES, "points"):
            if self.probe in ("modes", "weights"):
                refuse(self, ("probe",), there, "probe='rank', 'direction', 'filter' or, on other domains, 'degree'")
            if self.data is not None and self.followed == "filter":
                refuse(self, ("modes",), "probe='filter' of points", "--cutoffs")
        if self.modes == "auto" and self.followed in ("degree", "direction"):
            refuse(self, ("modes",), f"probe={self.followed!r}", "numbers such as 1,2,4 or 1-7, or probe='rank'")
        if self.period is not None and self.domain == "torus" and self.data is None:
            refuse(self, ("period",), "no data", "--data")

    def check_inputs(self) -> None:
        """Refuse what in front of the network does not fit."""
        if self.scales is not None:
            numbers("scales", self.scales, float)
            refuse(self, ("omega",), f"scales={self.scales!r}", "one of the two")
        if self.activation != "sin":
            refuse(self, ("omega",), f"activation={self.activation!r}", "activation='sin', or --scales")
        if self.fourier is None:
            refuse(self, ("features",), "no Fourier features", "--fourier")
        if self.classes or "," in (self.target or ""):
            refuse(self, ("scales", "omega", "fourier"), "several outputs", "one target")

    def check(self) -> None:
        """Refuse what needs no computation to be refused: an unknown name, a number or an option out of place."""
        _refuse_values(self)
        _refuse_scaling(self, self.scaling, {"depth": self.depth})
        self.check_inputs()
        if self.keep_f0 and self.scaling == "paper":
            msg = "keep_f0=True with parametrization='paper', whose f_0 is 0; allowed: 'ntk' or 'standard'"
            raise _checks.InputError(msg)
        self.check_reading(self.data)
        self.check_domain()
        if self.gamma is not None:
            refuse(self, ("alpha",), f"gamma={self.gamma:g}", "one of the two")
        if self.modes == "auto" and self.data is None:
            msg = "modes='auto' with no data; allowed: --data, or modes such as 1,2,4 or 1-7"
            raise _checks.InputError(msg)
        if self.data is not None:
            refuse(self, ("points",), f"data={_text(self.data)}", "the points of the file, or --subsample")
        if self.probe != "filter":
            refuse(self, ("cutoffs",), f"probe={self.followed!r}", "probe='filter'")
        if self.optimizer not in ("momentum", "nesterov"):
            refuse(self, ("momentum",), f"optimizer={self.optimizer!r}", "optimizer='momentum' or 'nesterov'")
        if self.optimizer != "sgd":
            refuse(self, ("batch_size",), f"optimizer={self.optimizer!r}", "optimizer='sgd'")
        elif self.batch_size is None:
            msg = "batch_size=None with optimizer='sgd'; allowed: a whole number >= 1"
            raise _checks.InputError(msg)
        for name, text in given(self, ("modes", "cutoffs")).items():
            if (name, text) != ("modes", "auto"):
                numbers(name, text, int if name == "modes" else float)


@dataclass(frozen=True)
class Solve(Reading):
    """Solve the LFP equation for data, in time and at the limit; no network is trained."""

    data: Path | None = None
    """file with columns x1..xd, y, separated by anything, also packed as .gz"""
    center: bool = False
    """take the mean of the targets off; results are in your units"""
    image: str | None = None
    """image file, or china or flower of scikit-learn: grey values on [-1, 1] x [-1, 1]"""
    size: Annotated[int, Within(2, 4096)] | None = None
    """pixels per side that --image is averaged to; without it 256"""
    activation: str = "relu"
    """activation of the neurons"""
    sigma_a: Scale = 1.0
    """standard deviation of the output weights"""
    sigma_w: Scale = 1.0
    """standard deviation of every input weight, per unit of x, per standard deviation of x with --standardize"""
    sigma_b: Scale | None = None
    """biases: standard deviation (gaussian) or bound (uniform); without it 4"""
    distribution: Literal["gaussian", "uniform"] | None = None
    """of the biases; without it gaussian"""
    times: str | None = None
    """flow times such as 0,1,10,inf; without them nine powers of ten from 1 / largest rate on"""
    test: Path | None = None
    """file with the same coordinates, by their names or, without a header, in their order, where h is wanted; without
    it a grid over the data, or the pixels"""
    frequencies: str | None = None
    """frequencies along x1 at which F[h] is wanted, in cycles per unit of x; without them 1/2L, 2/2L, .. of the data"""
    treatment: Literal["finite", "instant"] | None = None
    """finite (the flow of K_0 + K_LFP) or instant (the null space fitted at once); without it finite"""
    method: Literal["auto", "exact", "krylov"] = "auto"
    """eigendecomposition or matrix-free; auto: by the number of points"""
    tolerance: Annotated[float, Within(1e-15, 1.0)] | None = None
    """of the Krylov method, relative to the residual at the start; without it 1e-8"""
    seed: Seed | None = None
    """of --subsample; without it 0"""

    def check(self) -> None:
        """Refuse what needs no computation to be refused: an unknown name, a number or an option out of place."""
        _refuse_values(self)
        if (self.data is None) == (self.image is None):
            msg = f"data={_text(self.data)} and image={self.image!r}; allowed: one of the two"
            raise _checks.InputError(msg)
        self.check_reading(self.data)
        if self.subsample is None or self.even:
            refuse(self, ("seed",), "nothing random", "--subsample without --even")
        if self.image is None:
            refuse(self, ("size",), f"data={_text(self.data)}", "--image")
        if self.method == "exact":
            refuse(self, ("tolerance",), "method='exact'", "method='krylov' or 'auto'")
        for name, text in given(self, ("times", "frequencies")).items():
            if numbers(name, text, float, increasing=True)[0] == 0 and name == "frequencies":
                msg = f"frequencies={text!r} must be > 0"
                raise _checks.InputError(msg)


@dataclass(frozen=True)
class Spectrum(Reading):
    """Rates per mode of networks of infinite width: table, picture, decay, noise floor."""

    domain: Literal["circle", "sphere", "hypercube", "torus", "euclidean"] = "circle"
    """euclidean: points, of a file or random"""
    dim: Annotated[int, Within(1, 10**6)] | None = None
    """of the space around the sphere (without it 3), of the cube (10), of the points (2); angles of the torus (2)"""
    data: Path | None = None
    """file with coordinates of points (domain euclidean); a column y, or a last one not called x.., is left out"""
    points: Count | None = None
    """number of random points (domain euclidean); without it 1000"""
    sampling: Literal["box", "ball", "normal"] | None = None
    """random points uniform in the box [-1, 1]^dim or in the unit ball, or normal; without it box"""
    seed: Seed | None = None
    """of random points, rows and frequencies; without it 0"""
    activation: str = "relu"
    """one or several activations: relu,tanh,erf"""
    depth: str = "1"
    """one or several numbers of hidden layers: 1,2,4"""
    modes: Annotated[int, Within(0, 10**5)] | None = None
    """highest degree or frequency, number of rates of points; without it 64 (torus 12), or as many as there are"""
    parametrization: Literal["ntk", "paper"] = "ntk"
    """ntk (neural-tangents) or paper (two layers, Gaussian weights)"""
    w_std: Scale | None = None
    """neural-tangents' W_std (parametrization ntk); without it sqrt(2)"""
    b_std: Annotated[float, Within(0.0, 1e15)] | None = None
    """neural-tangents' b_std (parametrization ntk); without it 0.5"""
    degree: Annotated[int, Within(1, 100)] = 1
    """factors of every layer of a Pi-net (parametrization ntk); 1: an MLP"""
    scales: str | None = None
    """multi-scale inputs: a sum of networks at scaled inputs, as 1,2,4; with --standardize of standardized inputs"""
    fourier: Annotated[float, Within(1e-6, 1e6)] | None = None
    """standard deviation, in cycles per unit of the file, of the frequencies of Fourier features (domain euclidean)"""
    features: Count | None = None
    """number of these frequencies; without it 64"""
    sigma_a: Scale | None = None
    """standard deviation of the output weights (parametrization paper); without it 1"""
    sigma_w: Scale | None = None
    """of the input weights, likewise"""
    sigma_b: Scale | None = None
    """of the biases, likewise"""

    def check(self) -> None:
        """Refuse what needs no computation to be refused: an unknown name, a number or an option out of place."""
        _refuse_values(self)
        if not any(name.strip() for name in self.activation.split(",")):
            msg = f"activation={self.activation!r} names none; allowed: one or several, as relu,tanh"
            raise _checks.InputError(msg)
        depths = [_checks.within("depth", depth, *_DEPTHS) for depth in numbers("depth", self.depth)]
        _refuse_scaling(self, self.parametrization, {"depth": max(depths), "degree": self.degree})
        if self.domain != "euclidean":
            names = ("data", "points", "sampling", "fourier")
            refuse(self, names, f"domain={self.domain!r}", "domain='euclidean'")
        self.check_reading(self.data)
        if self.data is not None:
            refuse(self, ("points", "sampling"), f"data={_text(self.data)}", "the points of the file")
        if self.columns is not None:
            refuse(self, ("target",), f"columns={self.columns!r}", "one of the two: no target is read")
        if self.fourier is None:
            refuse(self, ("features",), "no Fourier features", "--fourier")
            drawn = self.data is None or (self.subsample is not None and not self.even)
            if self.domain != "euclidean" or not drawn:
                refuse(self, ("seed",), "nothing random", "random points or rows, or --fourier")
        if self.scales is not None:
            numbers("scales", self.scales, float)


@dataclass(frozen=True)
class Learn(Reading):
    """Test error of each mode against samples, noise and steps: theory, kernel regression, networks."""

    domain: Literal["circle", "sphere", "hypercube"] | None = None
    """where the samples are drawn; without it sphere, with --data the points of the file"""
    dim: Annotated[int, Within(1, 10**4)] | None = None
    """of the space around the sphere, of the cube; without it 10"""
    data: Path | None = None
    """file with columns x1..xd, y: samples are drawn from its rows without repetition, errors are on the rest"""
    center: bool = False
    """take the mean of the targets off"""
    modes: str | None = None
    """degrees that the target is made of: 1,2,3 or 1-5; without it 1,2,3"""
    amplitude: str | None = None
    """amplitude of every mode, one for all or one each: 1,0.5,0.25; without it 1"""
    samples: str | None = None
    """numbers of samples: 10,30,100; without it 10,30,100,300,1000; of --data a tenth to nine tenths of the rows"""
    noise: Annotated[float, Within(0.0, 1e15)] = 0.0
    """variance of the noise of the labels, for --data added to that of the file"""
    ridge: Annotated[float, Within(0.0, 1e15)] = 0.0
    """on the sum of squares"""
    activation: str = "relu"
    """activation of the neurons"""
    depth: Depth = 1
    """number of hidden layers"""
    kernel: Literal["ntk", "nngp"] = "ntk"
    """of the training of wide networks, or of the networks at their start"""
    w_std: Scale | None = None
    """neural-tangents' W_std; without it sqrt(2)"""
    b_std: Annotated[float, Within(0.0, 1e15)] | None = None
    """neural-tangents' b_std; without it 0.5"""
    draws: Annotated[int, Within(2, 10**4)] = 20
    """samples that are drawn for kernel regression, of each number"""
    steps: Annotated[int, Within(1, 10**7)] | None = None
    """also the error in time, up to so many steps of gradient descent, and when to stop"""
    lr: Scale | None = None
    """learning rate in flow time per step (with --steps); without it half of what is stable on the fewest samples"""
    train: bool = False
    """also train networks (with --steps), on the first draws"""
    width: Count | None = None
    """neurons of a hidden layer (with --train); without it 2048"""
    alpha: Scale | None = None
    """output scale (with --train), larger is lazier; without it 50"""
    seeds: Annotated[int, Within(1, 1000)] | None = None
    """networks of each of three draws (with --train); without it 3"""
    seed: Seed = 0
    """of draws and networks"""

    @property
    def heights(self) -> str:
        """The amplitudes, the default resolved."""
        return "1" if self.amplitude is None else self.amplitude

    def check(self) -> None:
        """Refuse what needs no computation to be refused: an unknown name, a number or an option out of place."""
        _refuse_values(self)
        self.check_reading(self.data)
        if self.data is not None:
            there = f"data={_text(self.data)}"
            refuse(self, ("domain", "dim", "modes", "amplitude"), there, "the points and targets of the file")
        if self.domain == "circle":
            refuse(self, ("dim",), "domain='circle'", "domain='sphere' or 'hypercube'")
        if self.steps is None:
            refuse(self, ("lr",), "no steps", "--steps")
        if self.train and (self.steps is None or self.kernel == "nngp"):
            msg = f"train=True with steps={self.steps}, kernel={self.kernel!r}; allowed: with --steps, --kernel ntk"
            raise _checks.InputError(msg)
        if not self.train:
            refuse(self, ("width", "alpha", "seeds"), "no training", "--train")
        for name, text in given(self, ("samples", "modes")).items():
            values = numbers(name, text)
            if name == "samples" and (min(values) < 1 or any(a >= b for a, b in pairwise(values))):
                msg = f"samples={text!r} must be increasing whole numbers >= 1"
                raise _checks.InputError(msg)
            if name == "modes" and max(values) > MOST_DEGREES:
                msg = f"modes={text!r} goes beyond degree {MOST_DEGREES}; allowed: degrees up to {MOST_DEGREES}"
                raise _checks.InputError(msg)
            if len(set(values)) < len(values):
                msg = f"{name}={text!r} names one twice"
                raise _checks.InputError(msg)
        heights, degrees = numbers("amplitude", self.heights, float), numbers("modes", self.modes or "1,2,3")
        if len(heights) not in (1, len(degrees)) or not any(heights) or max(map(abs, heights)) > LARGEST_WHOLE:
            msg = f"amplitude={self.amplitude!r} for {len(degrees)} modes; allowed: one for all or one each, up to "
            raise _checks.InputError(msg + f"{LARGEST_WHOLE}, one of them not 0")


def allowed(settings: type | None) -> dict[str, Any]:
    """The type of every setting, None aside; where there is a choice, its words."""
    found = {}
    for name, hint in get_type_hints(settings or object).items():
        parts = get_args(hint)
        kind = next(part for part in parts if part is not NoneType) if NoneType in parts else hint
        found[name] = get_args(kind) or kind
    return found


def ranges(settings: type) -> dict[str, Within]:
    """The limits of every number that has some."""
    limits = {}
    for name, hint in get_type_hints(settings, include_extras=True).items():
        for part in (hint, *get_args(hint)):
            if get_origin(part) is Annotated:
                limits[name] = part.__metadata__[0]
    return limits


def given(settings: Any, names: Iterable[str]) -> dict[str, Any]:
    """Those of the options that were given: what is not given keeps the default of the function that takes it."""
    return {name: getattr(settings, name) for name in names if getattr(settings, name) is not None}


def numbers(name: str, text: str, kind: type = int, *, increasing: bool = False) -> list[Any]:
    """Numbers between commas, `1,2,4`; of whole numbers >= 0 also `1-7`. Increasing ones start at 0 or above."""
    whole = f"whole numbers from 0 to {LARGEST_WHOLE:g} such as 1,2,4 or 1-7"
    allowed = whole if kind is int else "numbers such as 1,2,4"
    allowed = "increasing numbers >= 0 such as 0,1,10,inf" if increasing else allowed
    values: list[Any] = []
    try:
        for part in text.split(","):
            first, _, last = part.partition("-") if kind is int else (part, "", "")
            if kind is int and not 0 <= int(last or first) - int(first) <= MOST_NUMBERS:
                raise ValueError
            values += range(int(first), int(last or first) + 1) if kind is int else [float(part)]
    except ValueError:
        values = []
    wrong = increasing and (values[:1] < [0.0] or any(a >= b for a, b in pairwise(values)))
    wrong = wrong or any(value != value or (kind is int and value > LARGEST_WHOLE) for value in values)
    if wrong or not 1 <= len(values) <= MOST_NUMBERS:
        msg = f"{name}={text!r} cannot be read; allowed: {allowed}, at most {MOST_NUMBERS}"
        raise _checks.InputError(msg)
    return values


def refuse_words(settings: type | None, arguments: Iterable[str]) -> None:
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


def _refuse_values(settings: Any) -> None:
    """Refuse unknown words and numbers beyond their limits, each by the type of its option."""
    kinds, limits = allowed(type(settings)), ranges(type(settings))
    for name, value in given(settings, kinds).items():
        if isinstance(kinds[name], tuple):
            _checks.choice(name, value, kinds[name])
        if name in limits:
            _checks.within(name, value, *limits[name])


def _refuse_scaling(settings: Any, scaling: str, single: dict[str, int]) -> None:
    """Refuse the options of the other scaling, and more than one layer or factor in the paper's."""
    there = f"parametrization={scaling!r}"
    if scaling != "paper":
        refuse(settings, [name for name in PAPER if hasattr(settings, name)], there, "parametrization='paper'")
        return
    refuse(settings, NTK, there, "parametrization='ntk'")
    for name, value in single.items():
        if value != 1:
            msg = f"{name}={value} with {there}; allowed: 1, or parametrization='ntk'"
            raise _checks.InputError(msg)


def refuse(settings: Any, names: Iterable[str], there: str, allowed: str) -> None:
    """Refuse options that were given where they do not apply."""
    for name, value in given(settings, names).items():
        msg = f"{name}={_text(value)} with {there}; allowed: {allowed}"
        raise _checks.InputError(msg)


def _text(value: Any) -> str:
    return repr(str(value) if isinstance(value, Path) else value)
