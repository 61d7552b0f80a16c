"""The LFP operator (Luo, Ma, Xu, Zhang, arXiv 2010.08153): the NTK of a two-layer network with widely spread biases.

For f(x) = m^(-1/2) sum_j a_j sigma(w_j.x + b_j), all of (a, w, b) trained, the residual u = f - y at points of density
rho, u_rho = u rho, obeys in the convention of `lfp.numerics.fourier`

    d/dt F[u] = -gamma_1^2 F[u_rho] + (1 / 4 pi^2) div( gamma_w^2 grad F[u_rho] ),

|F[sigma]|^2 in gamma_1 from training a, E[a^2] |F[sigma']|^2 from training b, the divergence from training w. Every
constant is derived in docs/derivation.md.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.core import Tracer
from jax.scipy.special import gammaln
from jaxtyping import Array, Float

from lfp import _checks
from lfp.kernels.algebra import Kernel
from lfp.neurons.activations import Activation, Scalar, activation
from lfp.neurons.distributions import Distribution, Gaussian, Samples
from lfp.neurons.numerical import Numerical, numerical
from lfp.neurons.transforms import ClosedForm
from lfp.numerics.quadrature import accumulate


class Operator(Kernel):
    """The kernel K = K_0 + K_LFP and its symbol. Calling it gives K, the completed model (`finite`).

    K_LFP(x, x') = p_b(0) E_w[ A(w.s) + E[a^2] B(w.s) (1 + x.x') ], s = x - x', with the profiles A and B of
    `transforms`; K_0 is what the growth of the activation leaves, a polynomial. For uniform b that covers the data the
    sum is the NTK, exactly; for Gaussian b the rest is O(sigma_b^-3). `instant` drops K_0 and fits `null_space` at
    once. A periodic activation has K_0 = 0 and p_b(0) replaced by 1: b is averaged over whole periods.

    Args:
        activation: name, `Activation` or function.
        a: distribution of the output weights.
        w: distribution of the input weights, per unit length.
        b: distribution of the biases; it needs a density at 0.
        dim: dimension d of x.

    Raises:
        InputError: a distribution of b without density, dim below 1, w = 0, or an activation without a transform.

    Example:
        >>> relu = Operator("relu", b=Gaussian(4.0), dim=2)
        >>> x = jnp.array([[0.0, 0.0], [1.0, 0.0]])
        >>> relu(x, x).shape, relu.null_space(x).shape
        ((2, 2), (2, 3))
    """

    activation: Activation = eqx.field(static=True)
    a: Distribution
    w: Distribution
    b: Distribution
    dim: int = eqx.field(static=True)
    transform: ClosedForm | Numerical
    slopes: tuple[float, float] = eqx.field(static=True)
    levels: tuple[float, float] = eqx.field(static=True)

    def __init__(
        self,
        activation_: str | Activation | Scalar = "relu",
        a: Distribution = Gaussian(),  # noqa: B008 - frozen
        w: Distribution = Gaussian(),  # noqa: B008
        b: Distribution = Gaussian(),  # noqa: B008
        dim: int = 1,
    ):
        act = activation(activation_)
        self.activation, self.a, self.w, self.b = act, a, w, b
        self.dim = _checks.integer("dim", dim, 1)
        self.transform = act.transform or numerical(act.name, act.function, act.kinks)
        known = self.transform if isinstance(self.transform, Numerical) else act
        self.slopes, self.levels = known.slopes or (0.0, 0.0), known.levels or (0.0, 0.0)
        size = _moment(w, 2, dim)
        if not isinstance(size, Tracer) and not float(size) > 0:
            msg = f"w={w} gives E|w|^2 = {float(size)}; allowed: > 0"
            raise _checks.InputError(msg)
        if not self.transform.periodic:
            jax.eval_shape(b.density_at_zero)  # refuses

    @property
    def density(self) -> Float[Array, ""]:
        """p_b(0), in 1 / unit of b; 1 for a periodic activation."""
        return jnp.ones(()) if self.transform.periodic else self.b.density_at_zero()

    @property
    def order(self) -> int:
        """2 if affine functions cost nothing, 1 if only constants, 0 if nothing does."""
        return 2 if any(self.slopes) else int(any(self.levels))

    def null_space(self, x: Float[Array, "n dim"]) -> Float[Array, "n k"]:
        """Basis of the functions that cost nothing: 1 and the coordinates, 1, or none."""
        columns = jnp.concatenate([jnp.ones((len(x), 1), x.dtype), x], axis=1)
        return columns[:, : (0, 1, 1 + self.dim)[self.order]]

    @eqx.filter_jit
    def symbol(self, xi: Float[Array, "*shape"]) -> tuple[Float[Array, "*shape"], Float[Array, "*shape"]]:
        """gamma_1^2 and gamma_w^2 at |xi|.

        gamma_1^2 = C_d |xi|^(1-d) E[(|S|^2 + a^2 |S1|^2) / r], gamma_w^2 = C_d |xi|^(1-d) E[a^2 |S1|^2 / r],
        S = F[sigma] and S1 = F[sigma'] at |xi| / r, C_d = p_b(0) Gamma(d/2) / pi^(d/2) (arXiv 2010.08153, with its
        constants derived again).

        Args:
            xi: |xi|, in cycles per unit length, above 0.

        Raises:
            InputError: a periodic activation, whose symbol is a measure.

        Example:
            >>> one, w = Operator("tanh", dim=3).symbol(jnp.array([0.5, 1.0]))
            >>> bool((one > w).all() and (one[1] < one[0]))
            True
        """
        nodes, weights = (jnp.asarray(rule, xi.dtype) for rule in self.w.radial(self.dim))

        def at(r: Array) -> Array:
            eta = jnp.abs(xi) / jnp.where(r > 0, r, 1.0)
            powers = jnp.stack([self.transform.power(eta), self.transform.slope_power(eta)])
            return jnp.where(r > 0, powers / jnp.where(r > 0, r, 1.0), 0.0)

        sphere = jnp.exp(gammaln(self.dim / 2)) / jnp.pi ** (self.dim / 2) * jnp.abs(xi) ** (1 - self.dim)
        value, slope = (self.density * sphere)[None] * accumulate(at, nodes, weights)
        from_w = self.a.moment(2) * slope
        return value + from_w, from_w

    @property
    def is_spline(self) -> bool:
        """Whether `spline` has something to say: a kink in sigma, and an isotropic w or d = 1."""
        return self.transform.kink is not None and (self.dim == 1 or not isinstance(self.w, Samples))

    def spline(self) -> tuple[Float[Array, ""], Float[Array, ""]] | None:
        """(cubic, linear) of K_LFP = cubic |s|^3 + linear |s| (1 + x.x') for an isotropic w; None otherwise.

        cubic = p_b(0) k M_3(d) E[r^3] / 12, linear = -p_b(0) k M_1(d) E[a^2] E[r] / 2, k = (c_+ - c_-)^2.
        """
        if not self.is_spline:
            return None
        kink = self.transform.kink
        assert kink is not None
        e, o = jnp.eye(1, self.dim), jnp.zeros((1, self.dim))
        cubic, linear = (self.w.directional(q, e, o)[0, 0] for q in (3, 1))
        scale = self.density * kink
        return scale * cubic / 12, -scale * self.a.moment(2) * linear / 2

    def parts(
        self, x1: Float[Array, "n dim"], x2: Float[Array, "m dim"]
    ) -> tuple[Float[Array, "n m"], Float[Array, "n m"]]:
        """(k_1, k_w), functions of s = x1 - x2 alone, with K_LFP = k_1 + k_w x.x'.

        k_w = p_b(0) E[a^2] E_w B(w.s), k_1 = p_b(0) E_w A(w.s) + k_w. Their transforms are gamma_1^2 and gamma_w^2.
        """
        self._check(x1, x2)
        kink = self.transform.kink
        if kink is None:
            value, slope = self.w.average(
                lambda u: jnp.stack([self.transform.profile(u), self.transform.slope_profile(u)]), x1, x2
            )
        else:
            value = kink / 12 * self.w.directional(3, x1, x2)
            slope = -kink / 2 * self.w.directional(1, x1, x2)
        from_w = self.density * self.a.moment(2) * slope
        return self.density * value + from_w, from_w

    @eqx.filter_jit
    def lfp(self, x1: Float[Array, "n dim"], x2: Float[Array, "m dim"]) -> Float[Array, "n m"]:
        """K_LFP = k_1 + k_w x.x', the divergence term included.

        Example:
            >>> Operator("relu").lfp(jnp.zeros((1, 1)), jnp.zeros((1, 1))).tolist()
            [[0.0]]
        """
        one, from_w = self.parts(x1, x2)
        return one + from_w * _dot(x1, x2.T)

    @eqx.filter_jit
    def smooth(self, x1: Float[Array, "n dim"], x2: Float[Array, "m dim"]) -> Float[Array, "n m"]:
        """K_0, the polynomial part.

        K_0 = (c_+^2 + c_-^2)/2 (E[b^2] + E[(w.x)(w.x')] + E[a^2] (1 + x.x')) + (d_+^2 + d_-^2)/2
        + (c_+ d_+ - c_- d_-) (E|b| + p_b(0) E[(w.(x + x'))^2] / 4), the last term 0 for every activation with a name.
        """
        self._check(x1, x2)
        (c0, c1), (d0, d1) = self.slopes, self.levels
        inner = _dot(_dot(x1, jnp.asarray(self.w.covariance(self.dim), x1.dtype)), x2.T)
        b2, a2 = self.b.moment(2), self.a.moment(2)
        total = (c0**2 + c1**2) / 2 * (b2 + inner + a2 * (1 + _dot(x1, x2.T))) + (d0**2 + d1**2) / 2
        mixed = c1 * d1 - c0 * d0
        if not mixed:
            return total
        square = self.w.directional(2, x1, -x2)
        return total + mixed * (self.b.moment(1) + self.density / 4 * square)

    @eqx.filter_jit
    def __call__(self, x1: Float[Array, "n dim"], x2: Float[Array, "m dim"] | None = None) -> Float[Array, "n m"]:
        """K_0 + K_LFP; x2 None stands for x1."""
        x2 = x1 if x2 is None else x2
        return self.smooth(x1, x2) + self.lfp(x1, x2)

    def _check(self, *points: Array) -> None:
        for x in points:
            if x.shape[1] != self.dim:
                msg = f"x has shape {x.shape}; allowed: (n, {self.dim}) for dim={self.dim}"
                raise _checks.InputError(msg)


def _dot(left: Array, right: Array) -> Array:
    """Matrix product in full precision on every device."""
    return jnp.matmul(left, right, precision="highest")


@eqx.filter_jit
def _moment(which: Distribution, q: int, dim: int) -> Float[Array, ""]:
    return which.moment(q, dim)
