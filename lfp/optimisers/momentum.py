"""Momentum: two numbers a mode, the error and its last move, stepped by a matrix of two rows.

With x = lr L, e what is left of the mode and d its last move (heavy ball; Nesterov moves by mu d - x e), a step is

    heavy ball  e' = (1 - x) e + mu d,             d' = mu d - x e        z^2 - (1 + mu - x) z + mu = 0
    Nesterov    e' = (1 - (1 + mu) x) e + mu^2 d,  d' = mu d - x e        z^2 - (1 - x)((1 + mu) z - mu) = 0

from e = 1, d = 0, as optax starts. Roots z may be complex or meet, so the steps are taken by powers of the matrix.

Near the limit of stability z is near -1, and powers would lose what is left of it. There (-1)^s e_s of the heavy ball
obeys the same recursion at 2 (1 + mu) - x, from e = 1, d = 2: the mirror of a slow mode, which keeps its digits.

What they give is exact for x and mu that are 4 units in the last place off, to as many units of itself
(`tests.falsify.laws`).
Near the limit a mode climbs to 1 / (1 - mu) times its start, and a unit in mu may be 1e8 in the
last place of the solution.
"""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Num

from lfp import _checks
from lfp.optimisers.descent import GradientFlow
from lfp.optimisers.law import Law, Rates, Shape
from lfp.optimisers.schedules import scan, whole


class Momentum(Law):
    """What heavy ball and Nesterov share."""

    lr: float | Float[Array, ""]
    mu: float | Float[Array, ""] = 0.9
    ahead: ClassVar[bool] = False
    descends = True
    takes_schedule = True

    def __check_init__(self) -> None:
        _checks.unless_traced(_checks.fraction, "mu", self.mu)

    def learned(self, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """1 - p_s(L), whole steps, told apart up to 2^53 (float64) or 2^24 (float32); infinity for the limit."""
        x, mu = self.lr * rates, self.mu
        bound = 2 * (1 + mu) / (1 + 2 * mu if self.ahead else 1)
        mirrored = jnp.zeros(x.shape, bool) if self.ahead else x > bound / 2
        slow = jnp.where(mirrored, bound - x, x)
        first = (-(1 + mu) * slow, _fill(mu**2, x)) if self.ahead else (-slow, _fill(mu, x))
        steps = jnp.asarray(steps)
        found = _learned((*first, -slow, _fill(mu - 1, x)), mirrored, jnp.where(jnp.isinf(steps), 0, steps))
        limit = jnp.where(x < bound, jnp.where(x > 0, 1.0, 0.0), jnp.nan).astype(found.dtype)  # beyond there is none
        return jnp.where(jnp.isinf(steps)[:, None], limit[None, :], found)

    def learned_on(self, shape: Shape, rates: Float[Array, " k"], steps: Num[Array, " t"]) -> Float[Array, "t k"]:
        """1 - p_s(L), whole steps."""
        return scan(self.lr * shape, rates, steps, self.mu, self.ahead)

    def flow(self) -> Law | None:
        """Slow modes go 1 / (1 - mu) times as far."""
        return GradientFlow(self.lr / (1 - self.mu))

    def transformation(self, alpha: float | Float[Array, ""], at: Rates | None = None) -> Any:
        """`optax.sgd` with momentum."""
        import optax

        return optax.sgd(self._rate(alpha**2, at), momentum=self.mu, nesterov=self.ahead)  # type: ignore[arg-type]


class HeavyBall(Momentum):
    """Polyak's momentum: p_(s+1) = (1 + mu - lr L) p_s - mu p_(s-1), p_1 = 1 - lr L; stable for lr L < 2 (1 + mu).

    Between the critical rates every mode decays as sqrt(mu)^s; far below as gradient descent sped up by 1/(1 - mu).

    Args:
        lr: learning rate, in flow time per step.
        mu: momentum, in [0, 1).

    Example:
        >>> HeavyBall(0.5, 0.5).factor(jnp.ones(1), jnp.arange(4)).ravel().tolist()
        [1.0, 0.5, 0.0, -0.25]
    """

    @property
    def critical(self) -> tuple[float, float]:
        """lr L between which the roots are complex: (1 -+ sqrt(mu))^2."""
        root = float(self.mu) ** 0.5
        return (1 - root) ** 2, (1 + root) ** 2

    def largest_stable_lr(self, largest_rate: float) -> float:
        """2 (1 + mu) / L_max."""
        return 2 * (1 + float(self.mu)) / largest_rate


class Nesterov(Momentum):
    """Nesterov's momentum: p_(s+1) = (1 - lr L)((1 + mu) p_s - mu p_(s-1)), p_1 = 1 - (1 + mu) lr L, as in optax.

    Stable for lr L < 2 (1 + mu) / (1 + 2 mu).

    Args:
        lr: learning rate, in flow time per step.
        mu: momentum, in [0, 1).

    Example:
        >>> Nesterov(0.5, 0.5).factor(jnp.ones(1), jnp.arange(3)).ravel().tolist()
        [1.0, 0.25, -0.0625]
    """

    ahead = True

    @property
    def critical(self) -> tuple[float, float]:
        """lr L between which the roots are complex: ((1 - mu) / (1 + mu))^2 and 1."""
        mu = float(self.mu)
        return ((1 - mu) / (1 + mu)) ** 2, 1.0

    def largest_stable_lr(self, largest_rate: float) -> float:
        """2 (1 + mu) / ((1 + 2 mu) L_max)."""
        mu = float(self.mu)
        return 2 * (1 + mu) / (1 + 2 * mu) / largest_rate


def _fill(value: float | Array, like: Array) -> Array:
    return jnp.broadcast_to(jnp.asarray(value, like.dtype), like.shape)


def _learned(
    less_one: tuple[Array, Array, Array, Array], mirrored: Bool[Array, " k"], steps: Num[Array, " t"]
) -> Float[Array, "t k"]:
    """1 - e from e = 1, d = 0, and the entries of A - 1; of mirrored modes 1 - (-1)^s e from e = 1, d = 2.

    An entry on the diagonal of A^n is close to 1 where a mode is slow, and close to 0 where little is left of it. Its
    digits are kept at both places: what is squared is the entry less 1 while that is small, else the entry itself. So
    it is with e - 1 and e. The bits of s say which powers are applied: halving reads them off floats as exactly as off
    integers, up to 2^63 - 1 steps. Beyond, NaN.
    """
    counts = whole(steps)
    integers = jnp.issubdtype(counts.dtype, jnp.integer)
    zero = jnp.zeros((len(counts), len(less_one[0])), less_one[0].dtype)
    speed = zero + jnp.where(mirrored, 2, 0).astype(zero.dtype)[None, :]
    a, b, c, d = less_one

    def squared(less: Array, entry: Array, other: Array) -> tuple[Array, Array]:
        """Of an entry on the diagonal; `other` is the product of those off it."""
        near = jnp.abs(less) < 0.5
        less, entry = 2 * less + less * less + other, entry * entry + other
        return jnp.where(near, less, entry - 1), jnp.where(near, 1 + less, entry)

    def bit(_: Array, carry: tuple[Array, ...]) -> tuple[Array, ...]:
        left, *powers, change, e, speed = carry
        a, one_a, b, c, d, one_d = (entry[None, :] for entry in powers)
        taken = (left % 2)[:, None] == 1
        left = left // 2
        step, slow = a * e + b * speed, jnp.abs(a) < 0.5
        after = jnp.where(slow, e + step, one_a * e + b * speed)
        faster = jnp.where(jnp.abs(d) < 0.5, speed + d * speed, one_d * speed) + c * e
        change = jnp.where(taken, jnp.where(slow, change + step, after - 1), change)
        e, speed = jnp.where(taken, after, e), jnp.where(taken, faster, speed)
        a, one_a, b, c, d, one_d = powers
        new = (*squared(a, one_a, b * c), b * (one_a + one_d), c * (one_a + one_d), *squared(d, one_d, b * c))
        more = left.max(initial=0) > 0  # powers that no step asks for may overflow
        powers = (jnp.where(more, after, before) for after, before in zip(new, powers, strict=True))
        return left, *powers, change, e, speed

    bits = jnp.iinfo(counts.dtype).bits - 1 if integers else 63
    start = (counts, a, 1 + a, b, c, d, 1 + d, zero, zero + 1, speed)
    left, *_, change, e, _ = jax.lax.fori_loop(0, bits, bit, start)
    sign = jnp.where(counts % 2 == 1, -1, 1).astype(zero.dtype)[:, None]
    return jnp.where(left[:, None] == 0, jnp.where(mirrored[None, :], 1 - sign * e, -change), jnp.nan)
