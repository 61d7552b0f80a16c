"""Iterations beyond gradient descent: Gauss-Newton, conjugate gradients, damped Jacobi."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num

from lfp import _checks
from lfp.dynamics import GradientDescent


class GaussNewton(eqx.Module):
    """Damped Gauss-Newton (Levenberg-Marquardt): (1 - lr L / (L + damping))^s; without damping (1 - lr)^s for all.

    No spectral bias: the control. Stable for lr < 2 (1 + damping / L_max).

    Args:
        lr: share of the full step.
        damping: in units of a rate.

    Example:
        >>> GaussNewton(0.5).factor(jnp.array([0.0, 1e-6, 1.0]), jnp.array([2])).tolist()
        [[1.0, 0.25, 0.25]]
    """

    lr: float | Float[Array, ""]
    damping: float | Float[Array, ""] = 0.0

    def __check_init__(self) -> None:
        """Refuse a step that is not positive and a negative damping."""
        if isinstance(self.lr, float | int):
            _checks.positive("lr", self.lr)
        if isinstance(self.damping, float | int):
            _checks.nonnegative("damping", self.damping)

    def factor(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """(1 - lr g)^s, g = L / (L + damping)."""
        return GradientDescent(self.lr).factor(self._gain(rates), steps)

    def learned(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """1 - (1 - lr g)^s."""
        return GradientDescent(self.lr).learned(self._gain(rates), steps)

    def largest_stable_lr(self, largest_rate: float) -> float:
        """2 (1 + damping / L_max)."""
        return 2 * (1 + float(self.damping) / largest_rate)

    def _gain(self, rates: Array) -> Array:
        total = rates + jnp.asarray(self.damping, rates.dtype)
        return rates / jnp.where(total > 0, total, 1.0)


class ConjugateGradient(eqx.Module):
    """Conjugate gradients on the loss of the linear model: of all p with p(0) = 1 the one with the least loss.

    p_s minimises sum_k |c_k|^2 p(L_k)^2 over polynomials of degree s (Hestenes and Stiefel 1952): it depends on
    data and spectrum. It ends when every mode of the target is learnt.

    Args:
        rates: rates on the data.
        power: |c_k|^2 of the target along each rate, `Spectrum.coefficients(y)`.

    Example:
        >>> law = ConjugateGradient(jnp.array([1.0, 3.0]), jnp.ones(2))
        >>> bool(jnp.allclose(law.factor(jnp.array([1.0, 3.0]), jnp.array([1]))[0], jnp.array([0.6, -0.2])))
        True
    """

    rates: Float[Array, " r"] | Float[np.ndarray, " r"]
    power: Float[Array, " r"] | Float[np.ndarray, " r"]
    lr: float = eqx.field(static=True, default=1.0)  # nominal: each step finds its own

    def factor(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """p_s(L)."""
        return 1 - self.learned(rates, steps)

    def learned(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """1 - p_s(L)."""
        nodes = jnp.asarray(self.rates, rates.dtype)
        start = jnp.sqrt(nodes * jnp.asarray(self.power, rates.dtype))  # the gradient, in its own coordinates
        floor = (jnp.finfo(rates.dtype).eps ** 2) * (start @ start)

        def step(carry: tuple[Array, ...], i: Array) -> tuple[tuple[Array, ...], Array]:
            residual, search, basis, learned, polynomial = carry
            size = residual @ residual
            live = size > floor
            length = jnp.where(live, size / jnp.where(live, search @ (nodes * search), 1.0), 0.0)
            basis = basis.at[i].set(jnp.where(live, residual / jnp.sqrt(jnp.where(live, size, 1.0)), 0.0))
            after = residual - length * nodes * search
            for _ in range(2):  # against all residuals before: rounding would bring back what is learnt
                after = after - basis.T @ (basis @ after)
            ratio = jnp.where(live, (after @ after) / jnp.where(live, size, 1.0), 0.0)
            learned = learned + length * rates * polynomial
            polynomial = (1 - learned) + ratio * polynomial
            return (after, after + ratio * search, basis, learned, polynomial), learned

        count = len(nodes)
        zero, one = jnp.zeros_like(rates), jnp.ones_like(rates)
        begin = (start, start, jnp.zeros((count, count), rates.dtype), zero, one)
        rows = jax.lax.scan(step, begin, jnp.arange(count))[1]
        whole = jnp.rint(jnp.asarray(steps)).astype(jnp.int32)
        return jnp.concatenate([zero[None, :], rows])[jnp.minimum(whole, count)]

    def largest_stable_lr(self, largest_rate: float) -> float:  # noqa: ARG002 - each step finds its own length
        """Infinite: the loss never rises."""
        return float("inf")


class Jacobi(GradientDescent):
    """Damped Jacobi on -u'' = f, n inner points of (0, 1): 1 - omega (1 - cos(k pi h)) on sine mode k, h = 1/(n + 1).

    Undamped it leaves the highest mode, as it leaves the lowest; omega = 2/3 damps the upper half of them best.

    Example:
        >>> law = Jacobi(lr=2 / 3)
        >>> bool(jnp.allclose(law.factor(law.rates(3), jnp.array([1]))[0, 1], 1 / 3))
        True
    """

    @staticmethod
    def rates(n: int) -> Float[Array, " n"]:
        """1 - cos(k pi / (n + 1)), k = 1 .. n: rates of the matrix divided by its diagonal."""
        _checks.integer("n", n, 1)
        return jnp.asarray(2 * np.sin(np.arange(1, n + 1) * np.pi / (2 * n + 2)) ** 2)
