"""Activations: the function, its growth at infinity, its transform, its averages over Gaussian weights."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from lfp import _checks
from lfp.neurons import duals, transforms
from lfp.neurons.duals import Dual
from lfp.neurons.transforms import ClosedForm

Scalar = Callable[[Float[Array, "..."]], Float[Array, "..."]]


class Activation(eqx.Module):
    """A scalar function applied to every neuron.

    Args:
        name: what it is called in tables and files.
        function: the function, elementwise, differentiable by JAX.
        slopes: (c_-, c_+) of sigma(z) ~ c z + d at -infinity and +infinity.
        levels: (d_-, d_+) of the same.
        dual: (c, q1, q2) -> (E[sigma(u) sigma(v)], E[sigma'(u) sigma'(v)]) of Gaussian u, v with variances q1, q2 and
            covariance c, which broadcast, in closed form; None: found numerically, as it is for lines with a corner.
        transform: |F[sigma]|^2 and its relatives in closed form; None: found numerically where they are needed.
        kinks: points where the function or one of its derivatives jumps, for the numerical transform.

    Example:
        >>> clipped = Activation("hard_tanh", lambda z: jnp.clip(z, -1, 1), kinks=(-1.0, 1.0))
        >>> float(clipped(jnp.array(3.0))), float(clipped.derivative(jnp.array(0.5)))
        (1.0, 1.0)
    """

    name: str = eqx.field(static=True)
    function: Scalar = eqx.field(static=True)
    slopes: tuple[float, float] | None = eqx.field(static=True, default=None)
    levels: tuple[float, float] | None = eqx.field(static=True, default=None)
    dual: Dual | None = eqx.field(static=True, default=None)
    transform: ClosedForm | None = eqx.field(static=True, default=None)
    kinks: tuple[float, ...] = eqx.field(static=True, default=())

    def __call__(self, z: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """sigma(z), elementwise."""
        return self.function(z)

    def derivative(self, z: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
        """sigma'(z), elementwise, by JAX."""
        return jax.jvp(self.function, (z,), (jnp.ones_like(z),))[1]

    @property
    def has_kink(self) -> bool:
        """Whether the slope jumps: at one of `kinks`, or at 0 where none is named."""
        places = jnp.asarray(self.kinks or (0.0,))
        with jax.ensure_compile_time_eval():
            far, near = (jnp.abs(self.derivative(places + h) - self.derivative(places - h)) for h in (1e-3, 1e-4))
            return bool(jnp.any(near > jnp.maximum(far / 2, 1e-5)))

    def __reduce__(self) -> Any:
        """Those of the table are pickled by name: their functions have none."""
        known = ACTIVATIONS.get(self.name)
        return (activation, (self.name,)) if known is self else super().__reduce__()


def _gelu(z: Array) -> Array:
    return jax.nn.gelu(z, approximate=False)


def _gaussian(z: Array) -> Array:
    return jnp.exp(-(z**2) / 2)


def _ricker(z: Array) -> Array:
    return (1 - z**2) * jnp.exp(-(z**2) / 2)


_LINEAR, _STEP, _SIGN, _NONE = (0.0, 1.0), (0.0, 1.0), (-1.0, 1.0), (0.0, 0.0)
_LEAK = 0.01
_ALL = (
    Activation("relu", jax.nn.relu, _LINEAR, _NONE, None, transforms.piecewise_linear(0.0, 1.0), (0.0,)),
    Activation(
        "leaky_relu",
        lambda z: jax.nn.leaky_relu(z, _LEAK),
        (_LEAK, 1.0),
        _NONE,
        None,
        transforms.piecewise_linear(_LEAK, 1.0),
        (0.0,),
    ),
    Activation("tanh", jnp.tanh, _NONE, _SIGN, None, transforms.TANH),
    Activation("sigmoid", jax.nn.sigmoid, _NONE, _STEP, None, transforms.SIGMOID),
    Activation("erf", jax.scipy.special.erf, _NONE, _SIGN, duals.erf, transforms.ERF),
    Activation("softplus", jax.nn.softplus, _LINEAR, _NONE, None, transforms.SOFTPLUS),
    Activation("gelu", _gelu, _LINEAR, _NONE, duals.gelu, transforms.GELU),
    Activation("silu", jax.nn.silu, _LINEAR, _NONE, None, transforms.SILU),
    Activation("elu", jax.nn.elu, _LINEAR, (-1.0, 0.0), None, transforms.ELU, (0.0,)),
    Activation("sin", jnp.sin, None, None, duals.sin, transforms.SIN),
    Activation("gaussian", _gaussian, _NONE, _NONE, duals.gaussian, transforms.GAUSSIAN),
    Activation("ricker", _ricker, _NONE, _NONE, None, transforms.RICKER),
)
ACTIVATIONS = {a.name: a for a in _ALL}


def activation(which: str | Activation | Scalar) -> Activation:
    """The activation of a name, or a user's own function made into one.

    Example:
        >>> activation("tanh").name, activation(jnp.cos).name
        ('tanh', 'cos')
    """
    if isinstance(which, Activation):
        return which
    if callable(which):
        return Activation(getattr(which, "__name__", "function"), which)
    return ACTIVATIONS[_checks.choice("activation", which, ACTIVATIONS)]
