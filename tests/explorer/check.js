// What the numbers of the page differ by from a table of lfp's, one figure a kind; run by node and in the browser.
function check(numerics, table) {
  const worst = (pairs, scale = () => 1) =>
    Math.max(...pairs.map(([a, b]) => (Object.is(a, b) ? 0 : Math.abs(a - b) / scale(b))));
  const zip = (one, other) => {
    if (one.length !== other.length) return [[NaN, 0]];
    return Array.from(one, (v, i) => (v.length === undefined ? [[v, other[i]]] : zip(v, other[i]))).flat();
  };
  const found = {};
  // relative; what is a hundred-millionth of the largest rate or less is rounding in both
  found.rates = Math.max(
    ...table.rates.map(({ net, rates }) =>
      worst(zip(numerics.circleRates(net, 2 * (rates.length - 1)), rates), (rate) =>
        Math.max(Math.abs(rate), 1e-8 * rates[0]),
      ),
    ),
  );
  found.laws = Math.max(
    ...table.laws.map(({ rates, lr, mu, looks, left }) =>
      worst(zip(numerics.law(rates, lr, mu, looks), left), (v) => Math.max(Math.abs(v), 1)),
    ),
  );
  found.looks = Math.max(
    ...table.looks.map(({ total, count, steps }) => worst(zip(numerics.logSteps(total, count), steps))),
  );
  found.erf = worst(
    zip(
      table.erf.x.map((x) => numerics.erf(x, Math.exp(-x * x))),
      table.erf.y,
    ),
  );
  found.half_life = Math.max(
    ...table.half_life.map(({ looks, sizes, step }) => {
      const mine = numerics.halfLife(looks, sizes);
      return mine === step ? 0 : Math.abs(mine - step);
    }),
  );
  const parts = { theory: [], largest: [], functions: [], mean: [], spread: [], d_sup: [] };
  for (const row of table.trainings) {
    const problem = row.rows
      ? numerics.lineProblem(row.rows)
      : numerics.circleProblem(row.amplitudes, row.functions[0][0].length);
    if (String(problem.modes) !== String(row.modes)) throw new Error(`modes ${problem.modes}, not ${row.modes}`);
    const theory = numerics.predict(row.net, problem, row.speed, row.mu, row.looks);
    parts.largest.push(Math.abs(theory.largest / row.largest - 1));
    parts.theory.push(worst(zip(theory.left, row.theory)));
    const runs = row.starts.map((start, run) => {
      const copy = Object.fromEntries(Object.entries(start).map(([name, values]) => [name, Float64Array.from(values)]));
      const training = new numerics.Training(row.net, problem, theory.lr, row.mu, copy);
      return row.looks.map((look, t) => {
        if (!training.advance(look)) throw new Error(`diverged at step ${training.step}`);
        parts.functions.push(worst(zip(training.f, row.functions[run][t])));
        return numerics.left(problem, training.f);
      });
    });
    const summary = row.looks.map((_, t) => numerics.summary(runs.map((run) => run[t])));
    parts.mean.push(
      worst(
        zip(
          summary.map((look) => look.map((mode) => mode.mean)),
          row.mean,
        ),
      ),
    );
    parts.spread.push(
      worst(
        zip(
          summary.map((look) => look.map((mode) => mode.spread)),
          row.spread,
        ),
      ),
    );
    const distance = Math.max(
      ...summary.map((look, t) =>
        Math.max(
          ...numerics.distances(
            look.map((mode) => mode.mean),
            theory.left[t],
          ),
        ),
      ),
    );
    parts.d_sup.push(Math.abs(distance - row.d_sup));
  }
  for (const [name, errors] of Object.entries(parts)) if (errors.length) found[name] = Math.max(...errors);
  return found;
}

if (typeof process !== "undefined" && process.argv?.[3]) {
  const fs = require("node:fs");
  const numerics = new Function(`${fs.readFileSync(process.argv[2], "utf8")}; return numerics`)();
  console.log(JSON.stringify(check(numerics, JSON.parse(fs.readFileSync(process.argv[3], "utf8")))));
}
