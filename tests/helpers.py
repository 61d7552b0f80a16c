"""What several tests share: slow and obvious references, floats of 32 and 64 bits."""

import jax
import jax.experimental
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float


def arc_cosine_ntk(x1: Float[Array, "n d"], x2: Float[Array, "m d"] | None = None) -> Float[Array, "n m"]:
    """The NTK of a two-layer relu network with a, w, b ~ N(0, 1), by Cho and Saul's arc-cosine kernels."""
    x2 = x1 if x2 is None else x2
    left, right = (jnp.concatenate([x, jnp.ones((len(x), 1))], axis=1) for x in (x1, x2))
    dot = left @ right.T
    norms = jnp.linalg.norm(left, axis=1)[:, None] * jnp.linalg.norm(right, axis=1)[None, :]
    cosine = jnp.clip(dot / norms, -1, 1)
    angle = jnp.arccos(cosine)
    kappa1 = (jnp.sin(angle) + cosine * (np.pi - angle)) / np.pi
    return norms * kappa1 / 2 + (np.pi - angle) / (2 * np.pi) * dot


def floats(bits: int):
    """A context with JAX's floats of 32 or 64 bits."""
    where = jax if hasattr(jax, "enable_x64") else jax.experimental  # before JAX 0.8
    return where.enable_x64(bits == 64)


def iterate(gram: np.ndarray, weights: np.ndarray, y: np.ndarray, lr: float, steps: int) -> np.ndarray:
    """f after so many steps of gradient descent in function space, one at a time."""
    f = np.zeros_like(y)
    for _ in range(steps):
        f = f - lr * gram @ (weights * (f - y))
    return f


def neuron_features(network, params, x):
    """Jacobian of each neuron, [s(z), a s'(z), a s'(z) x_1, ..., a s'(z) x_d], z = w.x + b: 2 + d features.

    k_j(x, x') = sum_f F_jf(x) F_jf(x') is the kernel of one neuron; that of a network is the mean of its neurons'.
    The parameters (a, w, b) are those that `network.neurons` and `network.init` draw, of shapes (m,), (d, m), (m,).
    """
    a, w, b = params
    z = w.T @ x.T + b[:, None]
    slope = a[:, None] * network.activation.derivative(z)
    parts = [network.activation(z)[:, :, None], slope[:, :, None], slope[:, :, None] * x[None, :, :]]
    return jnp.concatenate(parts, axis=2)
