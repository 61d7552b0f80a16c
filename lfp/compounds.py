"""Networks made of networks: products of layers, Fourier features in front, several scales, differential operators."""

import math
from functools import reduce
from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from lfp import _checks
from lfp.activations import ACTIVATIONS, Activation, activation
from lfp.kernels import Operator
from lfp.laws import Gaussian
from lfp.networks import Network, Params, TwoLayer

DIFFERENTIABLE = ("erf", "gelu", "sin", "gaussian")
"""Activations whose kernel has a closed form with all derivatives, also where the points coincide."""


class PiNet(eqx.Module):
    """Pi-net: every hidden layer is a product of `degree` layers with weights of their own (arXiv 2202.13473).

    h_0 = x, h_l = prod_{n=1}^degree sigma(z_ln), z_ln = (w_std / sqrt(fan in)) W_ln h_(l-1) + b_std b_ln, and
    f = alpha ((w_std / sqrt(width)) W h_depth + b_std b): an `MLP` where degree is 1. One layer of relu without biases
    on unit vectors has the kernel kappa_1^N + N kappa_1^(N-1) t kappa_0, up to a factor, t = x.x'.

    Args:
        width: neurons of every layer and factor.
        degree: number N of factors.
        depth: number of hidden layers.
        activation: name, `Activation` or function.
        w_std: neural-tangents' W_std, every layer.
        b_std: neural-tangents' b_std, every layer.
        alpha: output scale; larger is lazier.

    Raises:
        InputError: width below 2, degree or depth below 1, a scale that is not positive, unknown activation.

    Example:
        >>> net = PiNet(width=8, degree=3)
        >>> net.apply(net.init(jax.random.key(0), 2), jnp.zeros((4, 2))).shape
        (4,)
    """

    width: int = eqx.field(static=True)
    degree: int = eqx.field(static=True, default=2)
    depth: int = eqx.field(static=True, default=1)
    activation: Activation = eqx.field(static=True, converter=activation, default="relu")  # type: ignore[assignment]
    w_std: float = eqx.field(static=True, default=2**0.5)
    b_std: float = eqx.field(static=True, default=0.5)
    alpha: float = eqx.field(static=True, default=1.0)

    def __check_init__(self) -> None:
        """Refuse sizes and scales that have no meaning."""
        _checks.integer("width", self.width, 2)
        _checks.integer("degree", self.degree, 1)
        _checks.integer("depth", self.depth, 1)
        _checks.positive("w_std", self.w_std)
        _checks.nonnegative("b_std", self.b_std)
        _checks.positive("alpha", self.alpha)

    def init(self, key: PRNGKeyArray, dim: int) -> Params:
        """Draw a list of (W, b), of shapes (factors, fan_in, fan_out), (factors, fan_out); one factor in the last."""
        sizes = [dim, *[self.width] * self.depth, 1]
        keys = jax.random.split(key, 2 * len(sizes))
        counts = [self.degree] * self.depth + [1]
        return [
            (jax.random.normal(keys[2 * i], (n, *pair)), jax.random.normal(keys[2 * i + 1], (n, pair[1])))
            for i, (n, pair) in enumerate(zip(counts, pairwise(sizes), strict=True))
        ]

    def apply(self, params: Params, x: Float[Array, "n dim"]) -> Float[Array, " n"]:
        """f(x); training removes its value at initialisation."""
        for w, b in params[:-1]:
            x = reduce(jnp.multiply, [self.activation(self._dense(*factor, x)) for factor in zip(w, b, strict=True)])
        w, b = params[-1]
        return self.alpha * self._dense(w[0], b[0], x)[:, 0]

    def _dense(self, w: Array, b: Array, x: Array) -> Array:
        return self.w_std / math.sqrt(len(w)) * (x @ w) + self.b_std * b[None, :]


class Wrapped(eqx.Module):
    """A network made of another one, of its width and alpha where nothing else is said."""

    inner: Network

    @property
    def width(self) -> int:
        """That of the inner network."""
        return self.inner.width

    @property
    def alpha(self) -> float:
        """That of the inner network."""
        return self.inner.alpha


class FourierFeatures(Wrapped):
    """f(x) = inner(cos 2 pi B x, sin 2 pi B x), B fixed (Tancik et al., arXiv 2006.10739).

    Args:
        inner: the network behind the features.
        frequencies: B, one frequency a row, in cycles per unit of x; drawn ones are
            `Gaussian(sigma).sample(key, count, dim)`.

    Raises:
        InputError: frequencies that are not finite; (by `init`) not of the dimension of x.

    Example:
        >>> from lfp.networks import MLP
        >>> net = FourierFeatures(MLP(width=8), jnp.array([[1.0], [2.0]]))
        >>> net.features(jnp.array([[0.25]])).round(12).tolist()
        [[0.0, -1.0, 1.0, 0.0]]
        >>> net.apply(net.init(jax.random.key(0), 1), jnp.zeros((3, 1))).shape
        (3,)
    """

    frequencies: Float[Array, "count dim"] = eqx.field(converter=jnp.asarray)

    def __check_init__(self) -> None:
        """Refuse frequencies that are no finite matrix."""
        if self.frequencies.ndim != 2 or 0 in self.frequencies.shape:
            msg = f"frequencies has shape {self.frequencies.shape}; allowed: (count, dim), one frequency a row"
            raise _checks.InputError(msg)
        _checks.concrete("frequencies", self.frequencies)

    def features(self, x: Float[Array, "n dim"]) -> Float[Array, "n features"]:
        """(cos 2 pi B x, sin 2 pi B x)."""
        if x.shape[1] != self.frequencies.shape[1]:
            msg = f"x has dimension {x.shape[1]}; allowed: {self.frequencies.shape[1]}, that of the frequencies"
            raise _checks.InputError(msg)
        phase = 2 * math.pi * jnp.matmul(x, self.frequencies.astype(x.dtype).T, precision="highest")
        return jnp.concatenate([jnp.cos(phase), jnp.sin(phase)], axis=1)

    def init(self, key: PRNGKeyArray, dim: int) -> Params:
        """Parameters of the inner network; B is not trained."""
        if dim != self.frequencies.shape[1]:
            msg = f"dim={dim} does not fit frequencies of dimension {self.frequencies.shape[1]}; allowed: the same"
            raise _checks.InputError(msg)
        return self.inner.init(key, 2 * len(self.frequencies))

    def apply(self, params: Params, x: Float[Array, "n dim"]) -> Float[Array, " n"]:
        """f(x)."""
        return self.inner.apply(params, self.features(x))


class MultiScale(Wrapped):
    """f(x) = sum_i f_i(a_i x), the f_i independent networks of one kind (MscaleDNN, arXiv 2007.11207).

    Args:
        inner: what every f_i is.
        scales: the a_i.

    Raises:
        InputError: no scale, or one that is not a finite number above 0.

    Example:
        >>> from lfp.networks import TwoLayer
        >>> net = MultiScale(TwoLayer(width=8), (1.0, 2.0, 4.0))
        >>> net.apply(net.init(jax.random.key(0), 2), jnp.zeros((3, 2))).shape, net.width
        ((3,), 24)
    """

    scales: tuple[float, ...] = eqx.field(static=True, default=(1.0, 2.0, 4.0))

    def __check_init__(self) -> None:
        """Refuse scales that have no meaning."""
        _checks.integer("len(scales)", len(self.scales), 1)
        for scale in self.scales:
            _checks.positive("scales", scale)

    @property
    def width(self) -> int:
        """Of all networks together."""
        return len(self.scales) * self.inner.width

    def init(self, key: PRNGKeyArray, dim: int) -> Params:
        """A list of parameters, one entry a scale."""
        return [self.inner.init(k, dim) for k in jax.random.split(key, len(self.scales))]

    def apply(self, params: Params, x: Float[Array, "n dim"]) -> Float[Array, " n"]:
        """f(x)."""
        parts = [self.inner.apply(p, a * x) for p, a in zip(params, self.scales, strict=True)]
        return reduce(jnp.add, parts)


class Differentiated(Wrapped):
    """(L f)(x) of a network f and a differential operator L: what a PINN trains, as one more network.

    Args:
        inner: the network f.
        operator: (f, x) -> (L f)(x); f takes one point, of shape (dim,), and gives a number, to be differentiated by
            JAX. Not linear: the network can be trained and has an empirical kernel, but no analytic one.

    Example:
        >>> from lfp.networks import TwoLayer
        >>> bend = lambda f, x: -jax.hessian(f)(x)[0, 0]  # -u''
        >>> net = Differentiated(TwoLayer(width=8, activation="sin"), bend)
        >>> net.apply(net.init(jax.random.key(0), 1), jnp.ones((3, 1))).shape
        (3,)
    """

    operator: Operator = eqx.field(static=True)

    def init(self, key: PRNGKeyArray, dim: int) -> Params:
        """Parameters of the network."""
        return self.inner.init(key, dim)

    def apply(self, params: Params, x: Float[Array, "n dim"]) -> Float[Array, " n"]:
        """L f at every point, alpha included."""
        f = lambda point: self.inner.apply(params, point[None])[0]  # noqa: E731
        return jax.vmap(lambda point: self.operator(f, point))(x)


def check_smooth(network: Network) -> None:
    """Refuse a network whose kernel lacks derivatives where points coincide, as relu's, or has them by quadrature.

    Example:
        >>> from lfp.networks import MLP
        >>> check_smooth(MLP(width=8, activation="erf"))
    """
    while isinstance(network, FourierFeatures | MultiScale | Differentiated):
        network = network.inner
    if isinstance(network, TwoLayer) and not (isinstance(network.w, Gaussian) and isinstance(network.b, Gaussian)):
        names = f"w={type(network.w).__name__}, b={type(network.b).__name__}"
        msg = f"{names} under a differential operator; allowed: Gaussian, or an empirical kernel"
        raise _checks.InputError(msg)
    which = getattr(network, "activation", None)
    if which is not None and all(which.function is not ACTIVATIONS[name].function for name in DIFFERENTIABLE):
        msg = (
            f"activation={which.name!r} under a differential operator; allowed: {', '.join(DIFFERENTIABLE)} (JAX's "
            "derivatives of relu lose its corner), or an empirical kernel of a smooth activation"
        )
        raise _checks.InputError(msg)
