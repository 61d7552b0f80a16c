// Draws what it is given, in lfp's colours and lines: theory dashed, training solid, one hue a wave.
"use strict";
const plots = (() => {
  const VIRIDIS = ["#440154", "#472d7b", "#3a538b", "#2b748e", "#20938c", "#2db27d", "#69cd5b", "#bddf26"];
  const CIVIDIS = (
    "00224e00285b002e6a0533711a386f273e6e32436d3b496c434e6c4b546c535a6d5a5f6e61656f686a716f70737676767d7c78848279" +
    "8c8878938e789b9476a39a74aba072b4a76fbcae6cc4b468cdbb63d5c25edec958e7d150f0d846f9e03afee838"
  )
    .match(/.{6}/g)
    .map((c) => rgb(`#${c}`));
  const OVERSHOOT = "#d55e00",
    FLOOR = 1e-2;

  function rgb(hex) {
    return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
  }

  // Relative luminance (WCAG), and the mixture with white or black that has a given one: the hue stays.
  const linear = (v) => (v <= 10.31475 ? v / 3294.6 : ((v / 255 + 0.055) / 1.055) ** 2.4);
  const luminance = (c) => 0.2126 * linear(c[0]) + 0.7152 * linear(c[1]) + 0.0722 * linear(c[2]);
  function shade(colour, wanted) {
    const end = luminance(colour) < wanted ? 255 : 0;
    let low = 0,
      high = 1;
    for (let turn = 0; turn < 30; turn++) {
      const part = (low + high) / 2,
        mixed = luminance(colour.map((v) => v + part * (end - v)));
      if (end ? mixed < wanted : mixed > wanted) low = part;
      else high = part;
    }
    return colour.map((v) => Math.round(v + high * (end - v)));
  }

  // Two shades of a wave: of the training, and of the theory; each stands out against the ground by 3 : 1 or more.
  function hues(dark) {
    return VIRIDIS.map((hex, k) => {
      const part = k / 7,
        ground = dark ? [0.2 + 0.42 * part, 0.5 + 0.45 * part] : [0.07 + 0.21 * part, 0.02 + 0.08 * part];
      return ground.map((wanted) => shade(rgb(hex), wanted));
    });
  }
  const css = (c, alpha = 1) => `rgba(${c[0]},${c[1]},${c[2]},${alpha})`;

  const SUPERS = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  const power = (e) =>
    e === 0 ? "1" : e === 1 ? "10" : `10${e < 0 ? "⁻" : ""}${[...String(Math.abs(e))].map((d) => SUPERS[d]).join("")}`;

  // A canvas with axes: x and y from data to pixels, what lies outside is cut off.
  class Picture {
    constructor(canvas, { x, y, pad }) {
      const style = getComputedStyle(document.documentElement),
        unit = parseFloat(style.fontSize) / 16;
      const ratio = Math.min(window.devicePixelRatio || 1, 2.5),
        { clientWidth: w, clientHeight: h } = canvas;
      const [width, height] = [Math.round(w * ratio), Math.round(h * ratio)];
      if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
      Object.assign(this, { canvas, w, h, unit, xs: x, ys: y, c: canvas.getContext("2d") });
      this.colour = (name) => style.getPropertyValue(`--${name}`).trim();
      this.left = pad[3] * unit;
      this.top = pad[0] * unit;
      this.right = w - pad[1] * unit;
      this.bottom = h - pad[2] * unit;
      this.c.setTransform(ratio, 0, 0, ratio, 0, 0);
      this.c.clearRect(0, 0, w, h);
      this.c.lineJoin = "round";
    }

    static place(v, { from, to, log }, low, high) {
      const part = log ? Math.log(v / from) / Math.log(to / from) : (v - from) / (to - from);
      return low + part * (high - low);
    }
    x(v) {
      return Picture.place(v, this.xs, this.left, this.right);
    }
    y(v) {
      return Picture.place(v, this.ys, this.bottom, this.top);
    }

    font(size = 12, weight = 400) {
      this.c.font = `${weight} ${size * this.unit}px system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif`;
    }

    text(content, x, y, { align = "center", base = "middle", colour = "muted", size = 12, weight = 400 } = {}) {
      this.font(size, weight);
      Object.assign(this.c, { textAlign: align, textBaseline: base, fillStyle: this.colour(colour) || colour });
      this.c.fillText(content, x, y);
    }

    // Ticks with their grid, and what the axes are called.
    frame(xlabel, ylabel, { xticks = null, yticks = null } = {}) {
      const { c, left, right, top, bottom, unit } = this;
      c.lineWidth = unit;
      const line = (x0, y0, x1, y1, name) => {
        c.strokeStyle = this.colour(name);
        c.beginPath();
        c.moveTo(x0, y0);
        c.lineTo(x1, y1);
        c.stroke();
      };
      const some = (ticks, room) => ticks.filter((_, i) => i % Math.ceil(ticks.length / Math.max(2, room)) === 0);
      for (const [v, label] of some(xticks ?? this.ticks(this.xs), (right - left) / (45 * unit))) {
        line(this.x(v), top, this.x(v), bottom, "grid");
        this.text(label, this.x(v), bottom + 4 * unit, { base: "top" });
      }
      for (const [v, label] of some(yticks ?? this.ticks(this.ys), (bottom - top) / (22 * unit))) {
        line(left, this.y(v), right, this.y(v), "grid");
        this.text(label, left - 5 * unit, this.y(v), { align: "right" });
      }
      line(left, bottom, right, bottom, "line");
      line(left, top, left, bottom, "line");
      this.text(xlabel, right, bottom + 19 * unit, { align: "right", base: "top" });
      if (ylabel) this.text(ylabel, left + 4 * unit, top - 3 * unit, { align: "left", base: "bottom" });
    }

    ticks({ from, to, log }) {
      if (log) {
        const ends = [Math.ceil(Math.log10(from) - 1e-9), Math.floor(Math.log10(to) + 1e-9)];
        return Array.from({ length: Math.max(0, ends[1] - ends[0] + 1) }, (_, i) => [
          10 ** (ends[0] + i),
          power(ends[0] + i),
        ]);
      }
      const rough = (to - from) / 4,
        size = 10 ** Math.floor(Math.log10(rough)),
        step = size * [1, 2, 5, 10].find((v) => v * size >= rough);
      const first = Math.ceil(from / step - 1e-9);
      return Array.from({ length: Math.floor(to / step + 1e-9) - first + 1 }, (_, i) => [
        (first + i) * step,
        String(+((first + i) * step).toPrecision(6)),
      ]);
    }

    clipped(draw) {
      const { c } = this;
      c.save();
      c.beginPath();
      c.rect(this.left, this.top - 1, this.right - this.left + 1, this.bottom - this.top + 2);
      c.clip();
      draw();
      c.restore();
    }

    line(xs, ys, { colour, width = 2, dash = [] }) {
      const { c, unit } = this;
      Object.assign(c, { strokeStyle: colour, lineWidth: width * unit });
      c.setLineDash(dash.map((v) => v * unit));
      c.beginPath();
      for (let i = 0, pen = false; i < xs.length; i++) {
        const x = this.x(xs[i]),
          y = Math.min(Math.max(this.y(ys[i]), -1e4), 1e4);
        if (!Number.isFinite(x + y)) {
          pen = false;
          continue;
        }
        if (pen) c.lineTo(x, y);
        else c.moveTo(x, y);
        pen = true;
      }
      c.stroke();
      c.setLineDash([]);
    }

    band(xs, low, high, colour) {
      const { c } = this,
        limit = (v) => Math.min(Math.max(this.y(v), -1e4), 1e4);
      c.fillStyle = colour;
      c.beginPath();
      xs.forEach((x, i) => c.lineTo(this.x(x), limit(high[i])));
      for (let i = xs.length - 1; i >= 0; i--) c.lineTo(this.x(xs[i]), limit(low[i]));
      c.fill();
    }

    dot(x, y, radius, colour, hollow = false) {
      const { c, unit } = this;
      c.beginPath();
      c.arc(x, y, radius * unit, 0, 2 * Math.PI);
      c.fillStyle = hollow ? this.colour("card") : colour;
      c.fill();
      if (hollow) (Object.assign(c, { strokeStyle: colour, lineWidth: 1.5 * unit }), c.stroke());
    }

    say(lines) {
      lines.forEach((content, i) =>
        this.text(
          content,
          (this.left + this.right) / 2,
          (this.top + this.bottom) / 2 + (i - (lines.length - 1) / 2) * 18 * this.unit,
        ),
      );
    }
  }

  // What is left of every wave over the steps, both logarithmic; `training` grows.
  function modes(canvas, { looks, labels, theory, training, dark, total, top }) {
    const picture = new Picture(canvas, {
      x: { from: 1, to: Math.max(total, 2), log: true },
      y: { from: FLOOR, to: top, log: true },
      pad: [18, 14, 38, 44],
    });
    picture.frame("step", "|y − f| / |y| of the wave");
    const colours = hues(dark),
      steps = looks.slice(1),
      sizes = (curves, k) => curves.slice(1).map((row) => Math.max(row[k].size, 1e-9));
    picture.clipped(() => {
      labels.forEach((mode, k) => {
        const [solid] = colours[mode - 1];
        if (!training.length) return;
        const mean = sizes(training, k),
          spread = training.slice(1).map((row) => row[k].spread),
          seen = steps.slice(0, mean.length);
        picture.band(
          seen,
          mean.map((v, i) => Math.max(v - spread[i], FLOOR / 2)),
          mean.map((v, i) => v + spread[i]),
          css(solid, 0.16),
        );
        picture.line(seen, mean, { colour: css(solid), width: 2.6 });
      });
      if (!theory) return;
      labels.forEach((mode, k) =>
        picture.line(steps, sizes(theory, k), { colour: css(colours[mode - 1][1]), width: 1.7, dash: [6, 4] }),
      );
    });
    if (!theory) return picture.say(["the prediction is hidden"]);
    const taken = [];
    labels.forEach((mode, k) => {
      // a number on every curve, where half is left of it
      const curve = sizes(theory, k),
        last = curve.length - 1,
        at = curve.findIndex((v) => v <= 0.5);
      const i = at < 0 ? last : at,
        level = at < 0 ? Math.min(curve[last], top) : 0.5;
      let x = picture.x(steps[i]),
        y = picture.y(level);
      if (at > 0) {
        const part = Math.log(curve[at - 1] / 0.5) / Math.log(curve[at - 1] / curve[at]);
        x = picture.x(steps[at - 1]) + part * (x - picture.x(steps[at - 1]));
      }
      x = Math.min(Math.max(x, picture.left + 8 * picture.unit), picture.right - 8 * picture.unit);
      while (taken.some(([u, v]) => Math.hypot(u - x, v - y) < 17 * picture.unit)) y += 17 * picture.unit;
      taken.push([x, y]);
      picture.dot(x, y, 8.5, picture.colour("card"));
      picture.dot(x, y, 8, css(colours[mode - 1][1]));
      picture.text(String(mode), x, y + 0.5 * picture.unit, { colour: "card", size: 11, weight: 700 });
    });
  }

  // The function of the training, solid, over its target, grey, and the theory, dashed.
  function functions(canvas, { x, xticks, xlabel, target, theory, training, low, high }) {
    const values = [...target],
      room = Math.max(Math.max(...values) - Math.min(...values), 1e-12);
    const from = Math.min(...values) - 0.18 * room,
      to = Math.max(...values) + 0.18 * room;
    const picture = new Picture(canvas, {
      x: { from: x[0], to: x[x.length - 1] },
      y: { from, to },
      pad: [8, 12, 38, 44],
    });
    picture.frame(xlabel, "", { xticks });
    picture.clipped(() => {
      picture.line(x, target, { colour: picture.colour("target"), width: 4.5 });
      if (low) picture.band([...x], low, high, css(rgb(picture.colour("training")), 0.18));
      if (training) picture.line(x, training, { colour: picture.colour("training"), width: 2.4 });
      if (theory) picture.line(x, theory, { colour: picture.colour("theory"), width: 1.6, dash: [6, 4] });
    });
  }

  // Wave against step: theory beside training on one scale.
  function heat(canvas, { looks, labels, theory, training, total }) {
    const scale = { from: 1, to: Math.max(total, 2), log: true },
      rows = { from: labels.length + 0.5, to: 0.5 };
    const both = new Picture(canvas, { x: scale, y: rows, pad: [20, 12, 38, 26] }),
      gap = 14 * both.unit;
    const middle = (both.left + both.right) / 2,
      ends = [
        [both.left, middle - gap / 2],
        [middle + gap / 2, both.right],
      ];
    [
      ["theory", theory],
      ["training", training],
    ].forEach(([title, curves], side) => {
      [both.left, both.right] = ends[side];
      both.frame(side ? "step" : "", "", { yticks: side ? [] : labels.map((mode, k) => [k + 1, String(mode)]) });
      both.text(title, (both.left + both.right) / 2, both.top - 4 * both.unit, { base: "bottom", colour: "ink" });
      if (!curves) return;
      const edge = (i) => both.x(i <= 1 ? 1 : i >= looks.length ? scale.to : Math.sqrt(looks[i - 1] * looks[i]));
      both.clipped(() => {
        curves.forEach((row, i) => {
          if (i === 0) return;
          const [from, to] = [edge(i), edge(i + 1)];
          row.forEach(({ size }, k) => {
            const y = both.y(k + 1.5),
              part = Math.min(Math.max(size, 0), 1) * (CIVIDIS.length - 1),
              j = Math.min(Math.floor(part), CIVIDIS.length - 2);
            both.c.fillStyle =
              size > 1.01
                ? OVERSHOOT
                : css(CIVIDIS[j].map((v, p) => Math.round(v + (part - j) * (CIVIDIS[j + 1][p] - v))));
            both.c.fillRect(
              from,
              Math.min(y, both.y(k + 0.5)),
              Math.max(to - from, 0) + 0.6,
              Math.abs(both.y(k + 0.5) - y) + 0.6,
            );
          });
        });
      });
    });
  }

  // Rates over the number of the wave: those of the target filled, of other activations grey.
  function rates(canvas, { rates: known, others, modes: followed, dark }) {
    const shown = 16,
      list = (values) => Array.from({ length: shown }, (_, k) => values[k + 1]);
    const largest = Math.max(
      ...[known, ...others.map(([, values]) => values)].map((values) => Math.max(...list(values))),
    );
    const decades = 10 ** Math.ceil(Math.log10(largest));
    const picture = new Picture(canvas, {
      x: { from: 0.9, to: shown * 1.35, log: true },
      y: { from: decades * 1e-6, to: decades * 1.2, log: true },
      pad: [18, 8, 38, 44],
    });
    picture.frame("wave k", "rate λ", { xticks: [1, 2, 4, 8, 16].map((k) => [k, String(k)]) });
    const ks = Array.from({ length: shown }, (_, i) => i + 1),
      colours = hues(dark),
      positive = (values) => list(values).map((v) => (v > 1e-13 * values[0] ? v : NaN));
    picture.clipped(() => {
      for (const [, values] of others)
        picture.line(ks, positive(values), { colour: picture.colour("target"), width: 1.5 });
      picture.line(ks, positive(known), { colour: picture.colour("muted"), width: 1, dash: [2, 3] });
      positive(known).forEach((rate, i) => {
        if (Number.isFinite(rate))
          picture.dot(
            picture.x(i + 1),
            picture.y(rate),
            4.5,
            i < 8 ? css(colours[i][0]) : picture.colour("muted"),
            !followed.includes(i + 1),
          );
      });
    });
    const placed = [];
    for (const [name, values] of others) {
      const inside = positive(values)
          .map((v, i) => [i, v])
          .filter(([, v]) => v > decades * 1e-6),
        [i, v] = inside[inside.length - 1] ?? [0, NaN];
      if (!Number.isFinite(v)) continue;
      let y = picture.y(v) - 8 * picture.unit;
      while (placed.some((other) => Math.abs(other - y) < 14 * picture.unit)) y -= 14 * picture.unit;
      placed.push(y);
      picture.text(name, Math.min(picture.x(i + 1) + 4 * picture.unit, picture.right - 2 * picture.unit), y, {
        align: i > 12 ? "right" : "left",
        size: 11,
      });
    }
  }

  return { modes, functions, heat, rates, Picture, hues, luminance, rgb, CIVIDIS, VIRIDIS, FLOOR };
})();
