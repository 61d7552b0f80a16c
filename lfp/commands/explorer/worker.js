// One network in a thread of its own: told how far to go, it tells what it saw. Runs after numerics.js in a worker.
"use strict";
const work = (post, now) => {
  let training = null,
    looks = [],
    seen = 0,
    ok = true;
  return ({ start, to }) => {
    if (start) {
      const { net, problem, lr, mu, width, seed } = start;
      training = new numerics.Training(net, problem, lr, mu, numerics.initialise(net, width, seed));
      ({ looks } = start);
      seen = 0;
      ok = true;
      to = 0;
    }
    const functions = [],
      until = now() + 30; // answers often: the page stays in charge
    for (;;) {
      if (ok && training.step === looks[seen]) {
        functions.push(training.f);
        seen += 1;
      }
      if (!ok || training.step >= to || now() > until) break;
      ok = training.advance(training.step + 1);
    }
    post({ step: training.step, functions, ok });
  };
};
