// The mathematics of the page: kernel, rates, laws, training. lfp's conventions; no DOM, so that node can test it.
"use strict";
const numerics = (() => {
  // E[s(u) s(v)] and E[s'(u) s'(v)] of Gaussian u, v with variances q1, q2 and covariance c.
  // `gap` is q1 q2 - c^2, which the caller knows as a sum of squares: no digits are lost where points meet.
  const DUALS = {
    relu(c, q1, q2, gap) {
      const sine = Math.sqrt(gap),
        slope = 0.5 - Math.atan2(sine, c) / (2 * Math.PI); // Cho and Saul 2009
      return [slope * c + sine / (2 * Math.PI), slope];
    },
    erf(c, q1, q2, gap) {
      const root = Math.sqrt(0.25 + (q1 + q2) / 2 + gap); // Williams 1997
      return [(2 / Math.PI) * Math.atan2(c, root), 2 / Math.PI / root];
    },
    sin(c, q1, q2) {
      const mean = (q1 + q2) / 2,
        plus = Math.exp(c - mean),
        minus = Math.exp(-c - mean);
      return [(plus - minus) / 2, (plus + minus) / 2];
    },
    gaussian(c, q1, q2, gap) {
      const square = 1 + q1 + q2 + gap,
        root = Math.sqrt(square);
      return [1 / root, c / (square * root)];
    },
  };

  // erf and exp(-x^2) together: Cody's rational approximations (1969), to the last digits.
  const A = [3.1611237438705656, 113.864154151050156, 377.485237685302021, 3209.37758913846947, 0.185777706184603153];
  const B = [23.6012909523441209, 244.024637934444173, 1282.61652607737228, 2844.23683343917062];
  const C = [
    0.564188496988670089, 8.88314979438837594, 66.1191906371416295, 298.635138197400131, 881.95222124176909,
    1712.04761263407058, 2051.07837782607147, 1230.33935479799725, 2.15311535474403846e-8,
  ];
  const D = [
    15.7449261107098347, 117.693950891312499, 537.181101862009858, 1621.38957456669019, 3290.79923573345963,
    4362.61909014324716, 3439.36767414372164, 1230.33935480374942,
  ];

  function erf(x, gauss) {
    const y = Math.abs(x);
    if (y <= 0.46875) {
      const z = y * y;
      return (
        (x * ((((A[4] * z + A[0]) * z + A[1]) * z + A[2]) * z + A[3])) /
        ((((z + B[0]) * z + B[1]) * z + B[2]) * z + B[3])
      );
    }
    if (y > 6) return x > 0 ? 1 : -1;
    let top = C[8] * y,
      bottom = y;
    for (let i = 0; i < 7; i++) {
      top = (top + C[i]) * y;
      bottom = (bottom + D[i]) * y;
    }
    const rest = (gauss * (top + C[7])) / (bottom + D[7]);
    return x > 0 ? 1 - rest : rest - 1;
  }

  // s(z) into S and s'(z) into T, n values from `from` on; of relu both are read off z.
  const NEURONS = {
    erf(z, S, T, from, n) {
      const factor = 2 / Math.sqrt(Math.PI);
      for (let i = 0; i < n; i++) {
        const gauss = Math.exp(-z[i] * z[i]);
        S[from + i] = erf(z[i], gauss);
        T[from + i] = factor * gauss;
      }
    },
    sin(z, S, T, from, n) {
      for (let i = 0; i < n; i++) {
        S[from + i] = Math.sin(z[i]);
        T[from + i] = Math.cos(z[i]);
      }
    },
    gaussian(z, S, T, from, n) {
      for (let i = 0; i < n; i++) {
        const value = Math.exp((-z[i] * z[i]) / 2);
        S[from + i] = value;
        T[from + i] = -z[i] * value;
      }
    },
  };

  // NTK of a two-layer network of infinite width at alpha = 1, a, w, b Gaussian (arXiv 2010.08153):
  // E[s s'] + sigma_a^2 E[s' s''] (1 + x.x'), with z = w.x + b. Points are pairs; on a line the second is 0.
  function kernel(net, x0, x1, y0, y1) {
    const a = net.sigmaA ** 2,
      w = net.sigmaW ** 2,
      b = net.sigmaB ** 2;
    const product = x0 * y0 + x1 * y1,
      c = b + w * product;
    const gap = b * w * ((x0 - y0) ** 2 + (x1 - y1) ** 2) + (w * (x0 * y1 - x1 * y0)) ** 2;
    const [value, slope] = DUALS[net.activation](c, b + w * (x0 * x0 + x1 * x1), b + w * (y0 * y0 + y1 * y1), gap);
    return value + a * slope * (1 + product);
  }

  // The discrete Fourier transform of a real row whose length is a power of two: real parts and imaginary parts.
  function fft(row) {
    const n = row.length,
      re = Float64Array.from(row),
      im = new Float64Array(n);
    for (let i = 1, j = 0; i < n; i++) {
      let bit = n >> 1;
      for (; j & bit; bit >>= 1) j ^= bit;
      j ^= bit;
      if (i < j) [re[i], re[j]] = [re[j], re[i]];
    }
    for (let size = 2; size <= n; size *= 2) {
      for (let k = 0; k < size / 2; k++) {
        const cos = Math.cos((2 * Math.PI * k) / size),
          sin = -Math.sin((2 * Math.PI * k) / size);
        for (let i = k; i < n; i += size) {
          const j = i + size / 2,
            u = re[j] * cos - im[j] * sin,
            v = re[j] * sin + im[j] * cos;
          re[j] = re[i] - u;
          im[j] = im[i] - v;
          re[i] += u;
          im[i] += v;
        }
      }
    }
    return [re, im];
  }

  // Rates of modes 0 .. n/2 on n even points of the circle: the transform of one row of the kernel, over n.
  function circleRates(net, n) {
    const row = new Float64Array(n);
    for (let i = 0; i < n; i++)
      row[i] = kernel(net, 1, 0, Math.cos((2 * Math.PI * i) / n), Math.sin((2 * Math.PI * i) / n));
    return Array.from(fft(row)[0].subarray(0, n / 2 + 1), (value) => value / n);
  }

  // Steps 0, 1, .., total, about `count` of them, evenly spaced in the logarithm.
  function logSteps(total, count) {
    const steps = new Set([0]);
    for (let i = 0; i < count - 1; i++) steps.add(Math.round(total ** (count > 2 ? i / (count - 2) : 0)));
    return [...steps.add(total)].sort((a, b) => a - b);
  }

  // What descent (mu = 0) or heavy ball leaves of modes with these rates: e += d, d = mu d - lr L e, from e = 1, d = 0.
  function law(rates, lr, mu, looks) {
    return rates.map((rate) => {
      const left = new Float64Array(looks.length);
      let e = 1,
        d = 0,
        step = 0;
      looks.forEach((look, t) => {
        for (; step < look; step++) {
          d = mu * d - lr * rate * e;
          e += d;
        }
        left[t] = e;
      });
      return left;
    });
  }

  // Points of the circle, as the network sees them, and a target sum_k A_k sin(k t).
  function circleProblem(amplitudes, n) {
    const t = Float64Array.from({ length: n }, (_, i) => (2 * Math.PI * i) / n);
    const y = t.map((angle) => amplitudes.reduce((sum, A, k) => sum + A * Math.sin((k + 1) * angle), 0));
    const modes = amplitudes.flatMap((A, k) => (A === 0 ? [] : [k + 1]));
    const turns = t.map((angle) => angle / (2 * Math.PI)),
      p = new Float64Array(n).fill(1 / n);
    return {
      domain: "circle",
      t,
      y,
      p,
      modes,
      x0: t.map(Math.cos),
      x1: t.map(Math.sin),
      turns,
      analysis: dft(n, modes),
    };
  }

  function dft(n, modes) {
    return modes.map((k) => {
      const phase = Float64Array.from({ length: n }, (_, i) => (2 * Math.PI * ((k * i) % n)) / n);
      return [phase.map((v) => Math.cos(v) / n), phase.map((v) => -Math.sin(v) / n)];
    });
  }

  // Rows (x, y) on a line that the network sees as [-1, 1): equal x are merged with weights, y is standardised.
  function lineProblem(rows) {
    const merged = new Map();
    for (const [x, y] of rows) {
      const [sum, count] = merged.get(x) ?? [0, 0];
      merged.set(x, [sum + y, count + 1]);
    }
    const t = Float64Array.from(merged.keys()).sort(),
      n = t.length;
    const p = t.map((x) => merged.get(x)[1] / rows.length),
      raw = t.map((x) => merged.get(x)[0] / merged.get(x)[1]);
    const mean = rows.reduce((sum, row) => sum + row[1], 0) / rows.length;
    const scale = Math.sqrt(rows.reduce((sum, row) => sum + (row[1] - mean) ** 2, 0) / rows.length);
    const y = raw.map((v) => (v - mean) / scale);
    const period = ((t[n - 1] - t[0]) * n) / (n - 1),
      turns = t.map((x) => x / period);
    const problem = {
      domain: "line",
      t,
      y,
      p,
      x0: t.map((x) => (2 * (x - t[0])) / period - 1),
      x1: new Float64Array(n),
      turns,
      mean,
      scale,
    };
    for (let top = Math.min(8, Math.floor((n - 1) / 2)); top > 0; top--) {
      const analysis = leastSquares(turns, p, top);
      if (!analysis) continue;
      const all = analysis.map(([re, im]) => Math.hypot(dot(re, y), dot(im, y))); // |c_k|
      problem.modes = all.flatMap((size, k) => (size > 1e-3 ? [k + 1] : [])); // of a target whose rms is 1
      problem.analysis = problem.modes.map((k) => analysis[k - 1]);
      return problem;
    }
    return { ...problem, modes: [], analysis: [] };
  }

  const dot = (u, v) => {
    let sum = 0;
    for (let i = 0; i < u.length; i++) sum += u[i] * v[i];
    return sum;
  };

  // Weighted least-squares fit of 1, cos, sin up to mode `top`: the rows that take values to c_k, by Gram and Schmidt
  // twice over; null where the points hardly tell the modes apart.
  function leastSquares(turns, p, top) {
    const n = turns.length,
      size = 2 * top + 1,
      root = p.map(Math.sqrt),
      Q = [],
      R = [];
    for (let c = 0; c < size; c++) {
      const k = (c + 1) >> 1,
        wave = c % 2 ? Math.cos : Math.sin;
      const q = turns.map((u, i) => root[i] * (c ? wave(2 * Math.PI * ((k * u) % 1)) : 1)),
        before = Math.sqrt(dot(q, q));
      const r = new Float64Array(size);
      for (let turn = 0; turn < 2; turn++) {
        Q.forEach((other, j) => {
          const part = dot(other, q);
          r[j] += part;
          for (let i = 0; i < n; i++) q[i] -= part * other[i];
        });
      }
      r[c] = Math.sqrt(dot(q, q));
      if (!(r[c] > 1e-6 * before)) return null;
      Q.push(q.map((v) => v / r[c]));
      R.push(r);
    }
    const rows = [];
    for (let c = size - 1; c >= 0; c--) {
      const row = Q[c].map((v) => v / R[c][c]);
      for (let j = c + 1; j < size; j++) {
        const part = R[j][c] / R[c][c];
        for (let i = 0; i < n; i++) row[i] -= part * rows[j][i];
      }
      rows[c] = row;
    }
    // a cos + b sin = c_k e + conj: c_k = (a - i b) / 2
    const weigh = (row, by) => row.map((v, i) => by * v * root[i]);
    return Array.from({ length: top }, (_, k) => [weigh(rows[2 * k + 1], 0.5), weigh(rows[2 * k + 2], -0.5)]);
  }

  // c_k of values at the points.
  const coefficients = (problem, values) => problem.analysis.map(([re, im]) => [dot(re, values), dot(im, values)]);

  // What is left of every mode of the target, c_k(y - f) / c_k(y): complex, so that a wrong phase counts.
  function left(problem, f) {
    const target = coefficients(problem, problem.y);
    return coefficients(
      problem,
      problem.y.map((v, i) => v - f[i]),
    ).map(([re, im], k) => {
      const [a, b] = target[k],
        size = a * a + b * b;
      return [(re * a + im * b) / size, (im * a - re * b) / size];
    });
  }

  // The theory of a network on a problem: largest rate, limit of stability, functions and what is left at the looks.
  function predict(net, problem, lrTimesRate, mu, looks) {
    const n = problem.y.length,
      limit = 2 * (1 + mu);
    if (problem.domain === "circle") {
      const rates = circleRates(net, n),
        largest = Math.max(...rates),
        lr = lrTimesRate / largest;
      const curves = law(
        problem.modes.map((k) => rates[k]),
        lr,
        mu,
        looks,
      );
      return { rates, largest, lr, limit, left: looks.map((_, t) => curves.map((curve) => [curve[t], 0])) };
    }
    const K = new Float64Array(n * n); // rows of K P
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        K[i * n + j] = problem.p[j] * kernel(net, problem.x0[i], problem.x1[i], problem.x0[j], problem.x1[j]);
      }
    }
    const largest = largestRate(K, problem.p),
      lr = lrTimesRate / largest;
    let u = problem.y.map((v) => -v),
      d = new Float64Array(n),
      step = 0;
    const functions = looks.map((look) => {
      for (; step < look; step++) {
        const product = times(K, u);
        for (let i = 0; i < n; i++) {
          d[i] = mu * d[i] - lr * product[i];
          u[i] += d[i];
        }
      }
      return problem.y.map((v, i) => v + u[i]);
    });
    return { rates: null, largest, lr, limit, functions, left: functions.map((f) => left(problem, f)) };
  }

  function times(K, u) {
    const n = u.length,
      product = new Float64Array(n);
    for (let i = 0; i < n; i++) {
      let sum = 0;
      for (let j = 0, at = i * n; j < n; j++) sum += K[at + j] * u[j];
      product[i] = sum;
    }
    return product;
  }

  // The largest rate of u' = -K P u, by powers: Rayleigh's quotient in the inner product of the weights.
  function largestRate(K, p) {
    let u = Float64Array.from(p, (_, i) => 1 + 0.3 * Math.sin(3 * i)),
      rate = 0;
    for (let turn = 0; turn < 500; turn++) {
      const next = times(K, u),
        weigh = (v, w) => v.reduce((sum, a, i) => sum + p[i] * a * w[i], 0);
      const found = weigh(u, next) / weigh(u, u),
        size = Math.sqrt(weigh(next, next));
      u = next.map((v) => v / size);
      if (Math.abs(found - rate) < 1e-14 * found) return found;
      rate = found;
    }
    return rate;
  }

  // f(x) = alpha / sqrt(m) sum_j a_j s(w_j.x + b_j), trained in all of (a, w, b) on (1/2) sum_i p_i (f - y)^2 by steps
  // of lr / alpha^2, with heavy ball where mu > 0.
  class Training {
    constructor(net, problem, lr, mu, weights) {
      Object.assign(this, { net, problem, lr, mu, step: 0 });
      const n = problem.y.length,
        m = weights.a.length;
      Object.assign(this, { n, m, ...weights, f: new Float64Array(n), z: new Float64Array(n) });
      const kept = net.activation === "relu" ? 0 : n * m;
      this.S = new Float64Array(kept);
      this.T = new Float64Array(kept);
      this.moves = mu > 0 ? Array.from({ length: 4 }, () => new Float64Array(m)) : null;
      this.sweep(null);
    }

    // One pass over the neurons: each moves down its gradient under g, p_i (f - y)_i, then adds to the new function.
    sweep(g) {
      const {
        n,
        m,
        a,
        w0,
        w1,
        b,
        S,
        T,
        z,
        problem: { x0, x1 },
      } = this;
      const neurons = NEURONS[this.net.activation],
        scale = this.net.alpha / Math.sqrt(m),
        f = new Float64Array(n);
      for (let j = 0, from = 0; j < m; j++, from += n) {
        if (g) {
          let da = 0,
            d0 = 0,
            d1 = 0,
            db = 0;
          if (neurons) {
            for (let i = 0; i < n; i++) {
              const by = g[i] * T[from + i];
              da += g[i] * S[from + i];
              d0 += by * x0[i];
              d1 += by * x1[i];
              db += by;
            }
          } else {
            const p = w0[j],
              q = w1[j],
              r = b[j];
            for (let i = 0; i < n; i++) {
              const v = p * x0[i] + q * x1[i] + r;
              if (v <= 0) continue;
              const by = g[i];
              da += by * v;
              d0 += by * x0[i];
              d1 += by * x1[i];
              db += by;
            }
          }
          this.move(j, scale * da, scale * a[j], d0, d1, db);
        }
        const p = w0[j],
          q = w1[j],
          r = b[j],
          by = scale * a[j];
        for (let i = 0; i < n; i++) z[i] = p * x0[i] + q * x1[i] + r;
        if (neurons) {
          neurons(z, S, T, from, n);
          for (let i = 0; i < n; i++) f[i] += by * S[from + i];
        } else {
          for (let i = 0; i < n; i++) if (!(z[i] <= 0)) f[i] += by * z[i]; // NaN too
        }
      }
      this.f = f;
    }

    // A step of neuron j: the gradient by a, and `by` times those by w0, w1, b.
    move(j, da, by, d0, d1, db) {
      const { a, w0, w1, b, moves, mu } = this,
        step = -this.lr / this.net.alpha ** 2;
      da *= step;
      d0 *= by * step;
      d1 *= by * step;
      db *= by * step;
      if (moves) {
        da = moves[0][j] = mu * moves[0][j] + da;
        d0 = moves[1][j] = mu * moves[1][j] + d0;
        d1 = moves[2][j] = mu * moves[2][j] + d1;
        db = moves[3][j] = mu * moves[3][j] + db;
      }
      a[j] += da;
      w0[j] += d0;
      w1[j] += d1;
      b[j] += db;
    }

    // Steps up to `to`; false where the function has left the numbers, or a million times the target.
    advance(to) {
      const {
          problem: { y, p },
        } = this,
        bound = 1e6 * Math.max(...y.map(Math.abs));
      while (this.step < to) {
        this.sweep(this.f.map((v, i) => p[i] * (v - y[i])));
        this.step += 1;
        if (!this.f.every((v) => Math.abs(v) <= bound)) return false;
      }
      return true;
    }
  }

  // Weights of antisymmetric initialisation: the second half copies (w, b) and negates a, so that f_0 = 0.
  function initialise(net, width, seed) {
    const normal = normals(seed),
      half = width / 2;
    const draw = (scale, sign) => {
      const one = Float64Array.from({ length: half }, () => scale * normal()),
        both = new Float64Array(width);
      both.set(one);
      both.set(
        one.map((v) => sign * v),
        half,
      );
      return both;
    };
    return { a: draw(net.sigmaA, -1), w0: draw(net.sigmaW, 1), w1: draw(net.sigmaW, 1), b: draw(net.sigmaB, 1) };
  }

  // Independent standard normal numbers: sfc32, then Box and Muller.
  function normals(seed) {
    let a = 0x9e3779b9,
      b = 0x243f6a88,
      c = seed | 0,
      d = 1,
      spare = null;
    const uniform = () => {
      const t = (((a + b) | 0) + d) | 0;
      d = (d + 1) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = (((c << 21) | (c >>> 11)) + t) | 0;
      return ((t >>> 0) + 0.5) / 4294967296;
    };
    for (let i = 0; i < 16; i++) uniform();
    return () => {
      if (spare !== null) {
        const kept = spare;
        spare = null;
        return kept;
      }
      const radius = Math.sqrt(-2 * Math.log(uniform())),
        angle = 2 * Math.PI * uniform();
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    };
  }

  // Mean over the networks of what is left, and twice the standard deviation of it.
  function summary(runs) {
    return runs[0].map((_, k) => {
      const mean = [0, 1].map((part) => runs.reduce((sum, run) => sum + run[k][part], 0) / runs.length);
      const square = runs.reduce((sum, run) => sum + (run[k][0] - mean[0]) ** 2 + (run[k][1] - mean[1]) ** 2, 0);
      return { mean, spread: 2 * Math.sqrt(square / Math.max(runs.length - 1, 1)) };
    });
  }

  // The largest distance of two looks at the modes.
  const distances = (one, other) => one.map(([re, im], k) => Math.hypot(re - other[k][0], im - other[k][1]));

  // Step at which half of a mode is left, log-linear between looks; null where it never falls so far.
  function halfLife(looks, sizes) {
    const at = sizes.findIndex((size) => size <= 0.5);
    if (at < 0) return null;
    if (at === 0) return looks[0];
    const [high, low] = [sizes[at - 1], Math.max(sizes[at], 2.2250738585072014e-308)].map(Math.log);
    return looks[at - 1] + ((looks[at] - looks[at - 1]) * (high - Math.log(0.5))) / (high - low);
  }

  return {
    DUALS,
    Training,
    erf,
    kernel,
    circleRates,
    circleProblem,
    lineProblem,
    coefficients,
    left,
    law,
    logSteps,
    predict,
    initialise,
    summary,
    distances,
    halfLife,
  };
})();
