// The page: settings in, prediction at once, training on request. Text of users becomes numbers or textContent.
"use strict";
(() => {
  const POINTS = 64,
    LOOKS = 160,
    HOLDS_BELOW = 0.05,
    root = document.documentElement;
  const { WAVES, LADDERS, start, format, allowed, readRows, position, valueAt } = controls;
  const $ = (id) => document.getElementById(id),
    all = (selector) => [...document.querySelectorAll(selector)];
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  const calm = matchMedia("(prefers-reduced-motion: reduce)");

  const state = {
    settings: null,
    rows: null,
    picture: "modes",
    scene: 1,
    dark: false,
    problem: null,
    theory: null,
    looks: [], // what is predicted
    workers: [],
    seen: [],
    shown: [],
    step: 0,
    waiting: 0,
    playing: false,
    ended: null,
    began: 0, // what is trained
    guess: null, // the order chosen so far; null without guessing
  };

  // ---- the address ----------------------------------------------------------------------------------------------

  const address = () => `${location.href.split("#")[0]}#${controls.write(state)}`;

  function readAddress() {
    const found = controls.read(location.hash.slice(1));
    if (!found) return false;
    const { remarks, ...said } = found;
    Object.assign(state, said);
    showScene(state.scene, false);
    refresh();
    say(remarks);
    return true;
  }

  function say(remarks) {
    $("said").replaceChildren(...remarks.slice(0, 12).map((remark) => make("p", {}, remark)));
  }

  // ---- the form -------------------------------------------------------------------------------------------------

  const form = $("controls"),
    inputs = {};
  function build() {
    const waves = make("div", { class: "waves" });
    for (let k = 1; k <= WAVES; k++) {
      const input = make("input", {
        type: "range",
        min: 0,
        max: 1,
        step: 0.1,
        "aria-label": `Amplitude of wave ${k}`,
        id: `wave${k}`,
        "aria-orientation": "vertical",
      });
      input.addEventListener("input", () =>
        change(() => {
          state.settings.amplitudes[k - 1] = Number(input.value);
          state.rows = null;
        }),
      );
      inputs[`wave${k}`] = input;
      waves.append(make("label", {}, input, make("span", {}, String(k))));
    }
    const own = make("details", { id: "own" }, make("summary", {}, "Your own data"));
    const area = make("textarea", {
      id: "pasted",
      "aria-label": "Two columns, x and y",
      placeholder: "x, y\n0.1, 2.3\n0.2, 2.9\n…",
      spellcheck: "false",
    });
    const use = make("button", { type: "button", id: "use" }, "Use it"),
      back = make("button", { type: "button", id: "back" }, "Back to the waves");
    use.addEventListener("click", () => {
      const found = readRows(area.value);
      if (found.rows)
        change(() => {
          state.rows = found.rows;
        }, found.remarks);
      else say(found.remarks);
    });
    back.addEventListener("click", () =>
      change(() => {
        state.rows = null;
      }),
    );
    own.append(
      make(
        "p",
        {},
        "Paste two columns, x and y. The network sees x as −1 to 1, y is standardised. Wave k then has k turns over your range, and the waves feed one another: the dashed lines may rise before they fall.",
      ),
      area,
      make("div", { class: "actions" }, use, back),
    );
    form.append(make("fieldset", {}, make("legend", {}, "Amplitude of each wave"), waves), own);
    for (const [name, c] of Object.entries(CONTROLS)) {
      const box = make("div", { class: "control" }),
        label = make("label", { for: name }, `${c.label} `);
      if (c.symbol) label.append(symbol(c.symbol));
      if (c.choices) {
        const select = make(
          "select",
          { id: name },
          ...c.choices.map((choice) => make("option", { value: choice }, choice)),
        );
        select.addEventListener("change", () =>
          change(() => {
            state.settings[name] = allowed(name, select.value)[0];
          }),
        );
        inputs[name] = select;
        box.append(label, select);
      } else {
        const ends = c.log ? [0, LADDERS.get(name).length - 1, 1] : [c.min, c.max, c.step];
        const input = make("input", { id: name, type: "range", min: ends[0], max: ends[1], step: ends[2] });
        input.addEventListener("input", () =>
          change(() => {
            state.settings[name] = allowed(name, valueAt(name, Number(input.value)))[0];
          }),
        );
        inputs[name] = input;
        box.append(
          label,
          make("output", { id: `${name}Value`, for: name }),
          input,
          make("span", { class: "hint", id: `${name}Hint` }),
        );
      }
      form.append(box);
    }
    form.addEventListener("submit", (event) => event.preventDefault());
  }

  function symbol(text) {
    const [base, below] = text.split("_"),
      italic = make("i", {}, base);
    if (below) italic.append(make("sub", {}, below));
    return italic;
  }

  function showSettings() {
    const { settings, theory } = state;
    for (const [name, c] of Object.entries(CONTROLS)) {
      inputs[name].value = c.choices ? settings[name] : position(name, settings[name]);
      if (c.choices) continue;
      $(`${name}Value`).textContent = format(settings[name]);
      inputs[name].setAttribute("aria-valuetext", format(settings[name]));
    }
    settings.amplitudes.forEach((A, k) => {
      inputs[`wave${k + 1}`].value = state.rows ? 0 : A;
    });
    const beyond = settings.speed >= theory.limit,
      hint = $("speedHint");
    hint.textContent = beyond
      ? `beyond the limit of stability, ${format(theory.limit)}`
      : `limit of stability ${format(theory.limit)}; η = ${theory.lr.toPrecision(3)}`;
    hint.classList.toggle("beyond", beyond);
    $("alphaHint").textContent =
      settings.alpha < 3
        ? "rich: the weights move far"
        : settings.alpha > 20
          ? "lazy: the weights hardly move"
          : "in between";
    $("back").disabled = !state.rows;
  }

  // ---- prediction -----------------------------------------------------------------------------------------------

  const net = () => ({
    activation: state.settings.activation,
    sigmaA: state.settings.sigmaA,
    sigmaW: state.settings.sigmaW,
    sigmaB: state.settings.sigmaB,
    alpha: state.settings.alpha,
  });
  const sized = (row) => row.map(([re, im]) => ({ re, im, size: Math.hypot(re, im) }));
  const unstable = () => state.settings.speed >= state.theory.limit;

  let due = false,
    restart = false,
    remarks = [];
  function change(how, said = []) {
    // many a frame count as one
    remarks = said;
    restart = restart || state.playing;
    how();
    stop();
    showSettings();
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      say(remarks);
      refresh();
      if (restart && !hidden()) play();
      restart = false;
    });
  }

  function refresh() {
    const { settings } = state;
    reset(false);
    state.looks = numerics.logSteps(settings.steps, LOOKS);
    state.problem = state.rows ? numerics.lineProblem(state.rows) : numerics.circleProblem(settings.amplitudes, POINTS);
    const found = numerics.predict(net(), state.problem, settings.speed, settings.momentum, state.looks);
    state.theory = { ...found, curves: found.left.map(sized) };
    state.others = state.rows
      ? []
      : CONTROLS.activation.choices
          .filter((name) => name !== settings.activation)
          .map((name) => [name, numerics.circleRates({ ...net(), activation: name }, POINTS)]);
    if (state.guess) state.guess = [];
    showSettings();
    showGuess();
    show();
  }

  const hidden = () => state.guess !== null && !state.guess.revealed;

  // The function that theory predicts at a look.
  function predicted(t) {
    const { problem, theory, settings } = state;
    if (theory.functions) return theory.functions[t];
    return problem.t.map((angle) =>
      problem.modes.reduce(
        (sum, k, i) => sum + settings.amplitudes[k - 1] * (1 - theory.left[t][i][0]) * Math.sin(k * angle),
        0,
      ),
    );
  }

  // ---- training -------------------------------------------------------------------------------------------------

  function launch() {
    const { settings, problem, theory, looks } = state;
    const blob = new Blob(
      [
        $("numerics").textContent,
        $("worker").textContent,
        "const answer = work((said) => postMessage(said), () => performance.now()); onmessage = ({ data }) => answer(data);",
      ],
      { type: "text/javascript" },
    );
    const url = URL.createObjectURL(blob);
    state.seen = [];
    state.workers = Array.from({ length: settings.seeds }, (_, i) => {
      const worker = new Worker(url),
        seen = [];
      state.seen.push(seen);
      worker.onmessage = ({ data }) => {
        if (state.workers[i] === worker) heard(i, data);
      };
      worker.onerror = (event) => {
        event.preventDefault();
        stop();
        say([`The training thread failed: ${event.message || "this browser allows none here"}.`]);
      };
      const { t, y, p, x0, x1 } = problem;
      worker.postMessage({
        start: {
          net: net(),
          problem: { t, y, p, x0, x1 },
          lr: theory.lr,
          mu: settings.momentum,
          width: settings.width,
          seed: settings.seed * 1000 + i,
          looks,
        },
      });
      return worker;
    });
    state.waiting = state.workers.length;
    state.broken = null;
    URL.revokeObjectURL(url);
  }

  function heard(i, { step, functions, ok }) {
    state.seen[i].push(...functions);
    state.waiting -= 1;
    state.steps = state.steps ?? [];
    state.steps[i] = step;
    if (!ok) state.broken = state.broken === null ? step : Math.min(state.broken, step);
    if (state.waiting === 0) gather();
  }

  // Looks that all networks have reached become part of the picture.
  function gather() {
    const reached = Math.min(...state.seen.map((seen) => seen.length));
    for (let t = state.shown.length; t < reached; t++) {
      const runs = state.seen.map((seen) => numerics.left(state.problem, seen[t])),
        row = numerics.summary(runs);
      row.forEach((mode) => {
        mode.size = Math.hypot(...mode.mean);
      });
      row.distance = numerics.distances(
        row.map((mode) => mode.mean),
        state.theory.left[t],
      );
      state.shown.push(row);
    }
    state.step = Math.min(...state.steps);
    if (state.shown.length === state.looks.length) finish("done");
    else if (state.broken !== null) finish("diverged");
    else if (state.playing) ask();
    else if (state.stepping && state.shown.length <= state.stepping) ask();
    else state.stepping = 0;
    paint();
  }

  function finish(how) {
    state.playing = false;
    state.stepping = 0;
    state.ended = how;
    paint(true);
    showNumbers();
  }

  // How far the networks may go now: the pace is even in the logarithm of the step.
  function ask() {
    if (state.waiting) return;
    const total = state.settings.steps,
      pace = Number($("pace").value);
    let goal = state.stepping ? state.looks[state.stepping] : total;
    if (!state.stepping && pace) {
      const part = state.from + (performance.now() - state.began) / (1000 * pace);
      goal = Math.min(total, Math.floor((total + 1) ** part) - 1);
      if (goal <= state.step) return void requestAnimationFrame(() => state.playing && ask());
    }
    state.waiting = state.workers.length;
    for (const worker of state.workers) worker.postMessage({ to: goal });
  }

  function play() {
    if (hidden() || state.ended === "diverged") return;
    if (state.ended) reset();
    state.playing = true;
    state.stepping = 0;
    state.began = performance.now();
    state.from = Math.log(state.step + 1.5) / Math.log(state.settings.steps + 1);
    begin();
  }

  function begin() {
    if (!state.workers.length) launch();
    else ask();
    paint();
  }

  function pause() {
    state.playing = false;
    paint(true);
    showNumbers();
  }

  function step() {
    if (hidden() || state.ended) return;
    state.playing = false;
    state.stepping = Math.max(state.shown.length, 1);
    begin();
  }

  function stop() {
    state.playing = false;
    for (const worker of state.workers) worker.terminate();
    state.workers = [];
  }

  function reset(draw = true) {
    stop();
    Object.assign(state, {
      seen: [],
      shown: [],
      steps: [],
      step: 0,
      waiting: 0,
      ended: null,
      stepping: 0,
      broken: null,
    });
    if (draw) show();
  }

  // ---- what is shown --------------------------------------------------------------------------------------------

  let asked = false,
    last = 0,
    frames = 0;
  function paint(now = false) {
    if (asked) return;
    asked = true;
    requestAnimationFrame((time) => {
      asked = false;
      if (!now && calm.matches && state.playing && time - last < 1000) return; // reduced motion: once a second
      last = time;
      frames += 1;
      draw();
    });
  }

  function show() {
    showNumbers();
    paint(true);
  }

  function draw() {
    const { problem, theory, looks, shown, settings, dark } = state,
      secret = hidden(),
      total = settings.steps;
    const canvas = (name) => document.querySelector(`figure[data-picture="${name}"] canvas`);
    const labels = problem.modes,
      top = Math.max(1.6, secret ? 0 : highest(theory.curves), highest(shown)),
      t = Math.max(shown.length - 1, 0);
    plots.modes(canvas("modes"), {
      looks,
      labels,
      theory: secret ? null : theory.curves,
      training: shown,
      dark,
      total,
      top: Math.min(top * 1.15, 1e4),
    });
    const circle = problem.domain === "circle",
      units = circle ? (v) => v : (v) => problem.mean + problem.scale * v;
    const spread = mean(state.seen.map((seen) => seen[t])),
      wrap = (values) => (circle && values ? [...values, values[0]] : values && [...values]);
    plots.functions(canvas("function"), {
      x: circle ? [...problem.t, 2 * Math.PI] : [...problem.t],
      xlabel: "x",
      xticks: circle
        ? [
            [0, "0"],
            [Math.PI / 2, "π/2"],
            [Math.PI, "π"],
            [1.5 * Math.PI, "3π/2"],
            [2 * Math.PI, "2π"],
          ]
        : null,
      target: wrap(problem.y.map(units)),
      theory: secret ? null : wrap(predicted(t).map(units)),
      training: shown.length ? wrap(spread.mean.map(units)) : null,
      low: shown.length ? wrap(spread.low.map(units)) : null,
      high: shown.length ? wrap(spread.high.map(units)) : null,
    });
    plots.heat(canvas("heat"), { looks, labels, theory: secret ? null : theory.curves, training: shown, total });
    if (theory.rates && !secret)
      plots.rates(canvas("rates"), { rates: theory.rates, others: state.others, modes: labels, dark });
    else
      new plots.Picture(canvas("rates"), { x: { from: 0, to: 1 }, y: { from: 0, to: 1 }, pad: [0, 0, 0, 0] }).say(
        secret ? ["the prediction is hidden"] : ["No single rates: on a line", "the waves feed one another."],
      );
    describe(canvas);
    showVerdict();
    $("play").textContent = state.playing ? "Pause" : state.ended ? "Again" : state.step ? "Go on" : "Play";
    $("play").disabled = secret || state.ended === "diverged" || !labels.length;
    $("step").disabled = secret || Boolean(state.ended) || !labels.length;
    $("clock").textContent = `step ${looks[t] ?? 0} of ${total}`;
  }

  const highest = (curves) =>
    Math.max(0, ...curves.flatMap((row) => row.map(({ size }) => (Number.isFinite(size) ? size : 1e4))));

  function mean(functions) {
    if (!functions.length || !functions[0]) return { mean: [], low: [], high: [] };
    const n = functions.length,
      average = functions[0].map((_, i) => functions.reduce((sum, f) => sum + f[i], 0) / n);
    const deviation = average.map(
      (m, i) => 2 * Math.sqrt(functions.reduce((sum, f) => sum + (f[i] - m) ** 2, 0) / Math.max(n - 1, 1)),
    );
    return {
      mean: average,
      low: average.map((m, i) => m - deviation[i]),
      high: average.map((m, i) => m + deviation[i]),
    };
  }

  // What the pictures say, in words.
  function describe(canvas) {
    const { problem, theory, looks, shown } = state,
      secret = hidden();
    const half = (curves) =>
      problem.modes
        .map(
          (mode, k) =>
            `wave ${mode}: ${words(
              numerics.halfLife(
                looks,
                curves.map((row) => row[k].size),
              ),
            )}`,
        )
        .join("; ");
    const text = secret
      ? "The prediction is hidden until you have guessed."
      : `Predicted steps until half is left, ${half(theory.curves)}.`;
    const trained =
      shown.length > 1
        ? ` Training is at step ${looks[shown.length - 1]}; left of the waves: ${problem.modes.map((mode, k) => `${mode}: ${shown[shown.length - 1][k].size.toFixed(2)}`).join(", ")}.`
        : " Nothing is trained yet.";
    canvas("modes").setAttribute("aria-label", `What is left of each wave against the step. ${text}${trained}`);
    canvas("function").setAttribute("aria-label", `The function of the networks over its target.${trained}`);
    canvas("heat").setAttribute("aria-label", `Wave against step, theory beside training.${trained}`);
    canvas("rates").setAttribute(
      "aria-label",
      !secret && theory.rates
        ? `Predicted rates of waves 1 to 8: ${theory.rates
            .slice(1, 9)
            .map((v) => v.toPrecision(2))
            .join(", ")}.`
        : "No rates are shown.",
    );
  }
  const words = (steps) => (steps === null ? "never" : steps < 10 ? steps.toFixed(1) : String(Math.round(steps)));

  function distance() {
    return state.shown.reduce((largest, row) => Math.max(largest, ...row.distance), 0);
  }

  function verdict() {
    const { shown, ended, theory, problem } = state,
      D = distance();
    if (!problem.modes.length) return ["", "There is no wave in the target."];
    if (hidden()) return ["Guess", "Order the waves below. The prediction stays hidden until then."];
    if (unstable()) {
      const where =
        ended === "diverged"
          ? `It did, at step ${state.broken}.`
          : ended
            ? `Training rose to ${format(Number(highest(shown).toPrecision(2)))} times a wave and came back: a network is not linear.`
            : "Play, and see.";
      return ["No verdict", `Beyond the limit a linear model diverges. ${where}`];
    }
    if (ended === "diverged")
      return ["fails", `The training diverged at step ${state.broken}; the theory says that it is stable.`];
    if (!shown.length) return ["Predicted", "The dashed lines are all there is. Press play."];
    if (!ended) return ["So far", ""];
    const moved = [
      theory.left.map((row) => row.map(([re, im]) => Math.hypot(1 - re, im))),
      shown.map((row) => row.map(({ mean: [re, im] }) => Math.hypot(1 - re, im))),
    ];
    if (Math.max(...moved.flat(2)) < HOLDS_BELOW)
      return ["No verdict", `Nothing was learnt: no wave moved by more than ${HOLDS_BELOW} of itself.`];
    return [
      D <= HOLDS_BELOW ? "holds" : "fails",
      D <= HOLDS_BELOW
        ? `No wave was further than ${HOLDS_BELOW} from its prediction.`
        : `A wave was further than ${HOLDS_BELOW} from its prediction.`,
    ];
  }

  function showVerdict() {
    const [word, reason] = verdict(),
      D = distance(),
      fails = !(D <= HOLDS_BELOW),
      seen = state.shown.length > 1 && !unstable();
    const name = word === "holds" ? "The prediction holds" : word === "fails" ? "The prediction fails" : word;
    if ($("word").textContent !== name) $("word").textContent = name;
    $("word").className = ["holds", "fails"].includes(word) ? word : "";
    $("distance").textContent = seen ? `D = ${D.toPrecision(2)}, allowed ${HOLDS_BELOW}` : "";
    document.querySelector(".gauge").style.visibility = seen ? "visible" : "hidden";
    $("needle").style.width = `${100 * Math.min(Math.max(Math.log(D / 1e-3) / Math.log(1e3), 0), 1)}%`; // .001 to 1, logarithmic
    $("needle").className = fails ? "fails" : "";
    if ($("reason").textContent !== reason) $("reason").textContent = reason;
  }

  function showNumbers() {
    const { problem, theory, looks, shown } = state,
      secret = hidden();
    const rows = problem.modes.map((mode, k) => {
      const measured =
        shown.length > 1
          ? words(
              numerics.halfLife(
                looks,
                shown.map((row) => row[k].size),
              ),
            )
          : "–";
      const cells = secret
        ? ["–", "–"]
        : [
            theory.rates ? theory.rates[mode].toPrecision(3) : "–",
            words(
              numerics.halfLife(
                looks,
                theory.curves.map((row) => row[k].size),
              ),
            ),
          ];
      const gap = shown.length > 1 ? Math.max(...shown.map((row) => row.distance[k])).toPrecision(2) : "–";
      return make(
        "tr",
        {},
        ...[String(mode), ...cells, measured, secret ? "–" : gap].map((cell) => make("td", {}, cell)),
      );
    });
    document.querySelector("#numbers tbody").replaceChildren(...rows);
  }

  // ---- guess first ----------------------------------------------------------------------------------------------

  function showGuess() {
    const guessing = state.guess !== null,
      box = $("guessing");
    $("guess").setAttribute("aria-pressed", String(guessing));
    box.hidden = !guessing;
    if (!guessing) return;
    const { modes } = state.problem,
      order = state.guess,
      focused = document.activeElement?.dataset?.wave;
    const shuffled = [...modes].sort((a, b) => ((a * 5 + 3) % 11) - ((b * 5 + 3) % 11)); // neither order is given away
    $("chips").replaceChildren(
      ...shuffled.map((mode) => {
        const place = order.indexOf(mode),
          chip = make("button", { type: "button", "data-wave": mode, "aria-pressed": String(place >= 0) });
        chip.append(
          ...(place >= 0 ? [make("b", {}, `${place + 1}. `)] : []),
          state.rows ? `wave ${mode}` : `sin ${mode === 1 ? "" : mode}x`,
        );
        chip.disabled = Boolean(order.revealed);
        chip.addEventListener("click", () => {
          if (place < 0) order.push(mode);
          showGuess();
        });
        return chip;
      }),
    );
    if (focused) $("chips").querySelector(`[data-wave="${focused}"]`)?.focus();
    $("undo").disabled = !order.length || Boolean(order.revealed);
    $("reveal").disabled = Boolean(order.revealed);
    $("reveal").textContent = order.length < modes.length ? "Show without a guess" : "Show the prediction";
    const text = order.revealed
      ? order.revealed
      : "Choose the waves in the order in which they will be learnt, the first first.";
    box.querySelector("p").textContent = text;
  }

  function reveal() {
    const order = state.guess,
      { modes } = state.problem,
      { looks, theory } = state;
    const half = (mode) =>
      numerics.halfLife(
        looks,
        theory.curves.map((row) => row[modes.indexOf(mode)].size),
      ) ?? Infinity;
    if (order.length < modes.length) order.revealed = "No guess this time. Press play.";
    else {
      const pairs = order.flatMap((one, i) => order.slice(i + 1).map((other) => half(one) <= half(other) * 1.001));
      const right = pairs.filter(Boolean).length;
      order.revealed = `${right} of ${pairs.length} pairs are in the predicted order${right === pairs.length ? ": all of them" : ""}. Now press play: is the network of your opinion?`;
    }
    showGuess();
    show();
  }

  // ---- scenes, views, keys --------------------------------------------------------------------------------------

  function showScene(number, apply = true) {
    state.scene = number;
    for (const section of all(".scene")) section.classList.toggle("shown", Number(section.dataset.scene) === number);
    for (const button of all("#scenes button")) {
      if (Number(button.dataset.scene) === number) button.setAttribute("aria-current", "true");
      else button.removeAttribute("aria-current");
    }
    const section = document.querySelector(`.scene[data-scene="${number}"]`);
    focusOn(section.dataset.picture);
    if (!apply) return;
    state.settings = { ...start(), ...JSON.parse(section.dataset.settings) };
    state.rows = null;
    say([]);
    refresh();
  }

  function focusOn(picture) {
    state.picture = picture;
    for (const figure of all("figure")) {
      const here = figure.dataset.picture === picture;
      figure.classList.toggle("focus", here);
      figure.querySelector("button").setAttribute("aria-pressed", String(here));
    }
    if (state.problem) paint(true);
  }

  function setTheme(dark) {
    state.dark = dark;
    root.dataset.theme = dark ? "dark" : "light";
    $("theme").textContent = dark ? "Light" : "Dark";
    if (state.problem) paint(true);
  }

  function share() {
    const link = address(),
      field = make("input", { type: "text", readonly: "", "aria-label": "Address of these settings" });
    try {
      location.hash = link.slice(link.indexOf("#") + 1);
    } catch {
      /* the field has it */
    }
    field.value = link;
    const note = make("p", {}, "The address holds all settings:");
    $("said").replaceChildren(note, field);
    field.select();
    navigator.clipboard?.writeText(link).then(
      () => {
        note.textContent = "The address, which holds all settings, is copied:";
      },
      () => {},
    );
  }

  const actions = {
    play: () => (state.playing ? pause() : play()),
    step,
    reset: () => reset(),
    share,
    guess: () => {
      state.guess = state.guess === null ? [] : null;
      refresh();
    },
    undo: () => {
      state.guess.pop();
      showGuess();
    },
    reveal,
    projector: () => {
      $("projector").setAttribute("aria-pressed", String(root.classList.toggle("projector")));
      paint(true);
    },
    theme: () => setTheme(!state.dark),
  };
  const KEYS = new Map(
    Object.entries({ " ": "play", ".": "step", r: "reset", g: "guess", s: "share", p: "projector", d: "theme" }),
  );

  function listen() {
    for (const [id, action] of Object.entries(actions)) $(id).addEventListener("click", action);
    for (const button of all("#scenes button"))
      button.addEventListener("click", () => showScene(Number(button.dataset.scene)));
    for (const figure of all("figure"))
      figure.querySelector("button").addEventListener("click", () => focusOn(figure.dataset.picture));
    $("pace").addEventListener("change", () => {
      state.began = performance.now();
      state.from = Math.log(state.step + 1.5) / Math.log(state.settings.steps + 1);
    });
    document.addEventListener("keydown", (event) => {
      const own = event.target.closest("input, select, textarea, summary"),
        pressed = event.target.closest("button");
      if (
        own ||
        event.ctrlKey ||
        event.metaKey ||
        event.altKey ||
        !$("shortcuts").checked ||
        (event.key === " " && pressed)
      )
        return;
      if (/^[1-5]$/.test(event.key)) return showScene(Number(event.key));
      const id = KEYS.get(event.key);
      if (!id) return;
      event.preventDefault();
      if (!$(id).disabled) actions[id]();
    });
    addEventListener("hashchange", () => {
      if (location.href !== address()) readAddress();
    });
    const sizes = new ResizeObserver(() => paint(true));
    for (const figure of all("figure")) sizes.observe(figure);
    calm.addEventListener("change", () => paint(true));
  }

  state.settings = start();
  build();
  listen();
  setTheme(matchMedia("(prefers-color-scheme: dark)").matches);
  if (!readAddress()) showScene(1);
  draw();
  window.explorer = {
    state,
    numerics,
    plots,
    readRows,
    address,
    verdict,
    distance,
    highest,
    frames: () => frames,
    ready: performance.now(),
  }; // for tests
})();
