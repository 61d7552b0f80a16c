"""Taylor coefficients of kernels, and their walk on the degrees, in 60 digits: loops over Python's Decimal.

A layer is composed by the differential equation of its dual activation, 1 - rho^2 by subtraction: with 60 digits
nothing is lost. `python -m tests.reference.decimals` prints the share of degree 12 that the tests name.
"""

from decimal import Decimal, getcontext

getcontext().prec = 60
ZERO, ONE, TWO = Decimal(0), Decimal(1), Decimal(2)
HALF = ONE / TWO
LEAK = Decimal.from_float(0.01)


def arctan(x):
    """By halving the angle twice, then its series."""
    for _ in range(2):
        x = x / (1 + (1 + x * x).sqrt())
    total, power, n = ZERO, x, 1
    while abs(power) > Decimal(10) ** -70:
        total, power, n = total + power / n, -power * x * x, n + 2
    return 4 * total


PI = 4 * arctan(ONE)


def arcsin(x):
    """Of 0 <= x <= 1."""
    return PI / 2 if x == 1 else arctan(x / (1 - x * x).sqrt())


def product(f, g):
    return [sum((f[j] * g[n - j] for j in range(n + 1)), ZERO) for n in range(len(f))]


def times(factor, f):
    return [factor * a for a in f]


def plus(f, g):
    return [a + b for a, b in zip(f, g, strict=True)]


def integral(outer, u, constant):
    """The function of value `constant` at 0 and derivative outer(t) u'(t)."""
    rise = product(outer, [n * a for n, a in enumerate(u)])
    return [constant, *(rise[n] / n for n in range(1, len(u)))]


def root(f):
    """f^(-1/2), by Newton's identity f y' = -f' y / 2."""
    y = [1 / f[0].sqrt()]
    for n in range(1, len(f)):
        y.append(sum(((HALF * j - n) * f[j] * y[n - j] for j in range(1, n + 1)), ZERO) / (n * f[0]))
    return y


def one_less_square(u):
    square = product(u, u)
    return [1 - square[0], *(-a for a in square[1:])]


def exponential(u):
    y = [u[0].exp()]
    for n in range(1, len(u)):
        y.append(sum((j * u[j] * y[n - j] for j in range(1, n + 1)), ZERO) / n)
    return y


def dual(name, q, rho):
    """(E[phi phi], E[phi' phi']) as series, from Var = q, Cov = q rho."""
    if name in ("relu", "leaky_relu"):
        low, high = LEAK if name == "leaky_relu" else ZERO, ONE
        factor = (high - low) ** 2 / (2 * PI)
        slope = times(factor, integral(root(one_less_square(rho)), rho, arcsin(rho[0])))
        slope[0] += (low + high) ** 2 / 4
        start = slope[0] * rho[0] + factor * (1 - rho[0] ** 2).sqrt()
        return times(q, integral(slope, rho, start)), slope
    if name == "erf":
        u = times(2 * q / (1 + 2 * q), rho)
        arc = root(one_less_square(u))
        return times(2 / PI, integral(arc, u, arcsin(u[0]))), times(4 / (PI * (1 + 2 * q)), arc)
    if name == "gaussian":
        c = q / (1 + q)
        value = root(one_less_square(times(c, rho)))
        cube = product(product(value, value), value)
        return times(1 / (1 + q), value), times(q / (1 + q) ** 3, product(cube, rho))
    up, down = exponential(times(q, rho)), exponential(times(-q, rho))  # sin
    half = (-q).exp() / 2
    return times(half, plus(up, times(-ONE, down))), times(half, plus(up, down))


def network_series(name, depth, w_std, b_std, dim, terms):
    """The coefficients of the NTK of a fully connected network on unit vectors of R^dim."""
    w, b = Decimal(w_std) ** 2, Decimal(b_std) ** 2
    covariance = [b, w / dim, *[ZERO] * (terms - 2)]
    at_one = {"relu": lambda q: q / 2, "leaky_relu": lambda q: q * (1 + LEAK**2) / 2}
    at_one |= {"erf": lambda q: 2 / PI * arcsin(2 * q / (1 + 2 * q)), "gaussian": lambda q: 1 / (1 + 2 * q).sqrt()}
    at_one |= {"sin": lambda q: (1 - (-2 * q).exp()) / 2}
    ntk, q = covariance, w / dim + b
    for _ in range(depth):
        value, slope = dual(name, q, times(1 / q, covariance))
        covariance, q = times(w, value), w * at_one[name](q) + b
        covariance[0] += b
        ntk = plus(covariance, times(w, product(slope, ntk)))
    return ntk


def shares(coefficients, space, top):
    """sum_n a_n Prob(X_n = k), X the walk on the degrees of a sphere or cube, up_k = 1 - down_k; its last law."""
    cube, dim = space.highest is not None, space.dim
    size = min(len(coefficients), space.highest or len(coefficients)) + 1
    down = [Decimal(k) / (dim if cube else max(2 * k + dim - 2, 1)) for k in range(size + 1)]
    chance, total = [ONE, *[ZERO] * size], [ZERO] * (top + 1)
    for a in coefficients:
        total = [part + a * c for part, c in zip(total, chance, strict=False)]
        before = [ZERO, *chance, ZERO]
        up = [ZERO, *(1 - d for d in down)]
        chance = [up[k] * before[k] + (down[k + 1] * before[k + 2] if k < size else 0) for k in range(size + 1)]
    return total, chance


if __name__ == "__main__":
    from lfp import Hypercube

    print(f"{shares(network_series('relu', 3, 0.1, 5.0, 1000, 64), Hypercube(1000), 12)[0][12]:.12e}")
