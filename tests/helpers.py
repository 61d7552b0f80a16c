"""Slow and obvious references that several tests share."""

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


def iterate(gram: np.ndarray, weights: np.ndarray, y: np.ndarray, lr: float, steps: int) -> np.ndarray:
    """f after so many steps of gradient descent in function space, one at a time."""
    f = np.zeros_like(y)
    for _ in range(steps):
        f = f - lr * gram @ (weights * (f - y))
    return f
