// The settings of the page: what they may be, how they stand in an address, rows out of pasted text. No DOM.
"use strict";
const controls = (() => {
  const WAVES = 8,
    MOST_ROWS = 128;

  const start = () => ({
    ...Object.fromEntries(Object.entries(CONTROLS).map(([name, c]) => [name, c.start])),
    amplitudes: Array(WAVES).fill(1),
  });
  const format = (v) => (Math.abs(v) >= 1000 || Number.isInteger(v) ? String(v) : String(+v.toPrecision(3)));
  const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

  const short = (text) => (text.length > 40 ? `${text.slice(0, 40)}…` : text);

  // A setting as it may be, and a remark where it was not.
  function allowed(name, raw) {
    const c = CONTROLS[name],
      text = String(raw).trim();
    if (c.choices)
      return c.choices.includes(text)
        ? [text]
        : [c.start, `${c.label}: “${short(text)}” is none of ${c.choices.join(", ")}; ${c.start} is taken.`];
    if (!NUMBER.test(text)) return [c.start, `${c.label}: “${short(text)}” is no number; ${c.start} is taken.`];
    let value = Math.min(Math.max(Number(text), c.min), c.max);
    if (c.whole) value = Math.round(value);
    if (c.even) value = 2 * Math.round(value / 2);
    return value === Number(text)
      ? [value]
      : [
          value,
          `${c.label}: ${short(text)} is not allowed; ${format(value)} is taken (from ${c.min} to ${c.max}${c.even ? ", even" : c.whole ? ", whole" : ""}).`,
        ];
  }

  // All settings, the scene and the rows as the words of an address, without its #.
  function write({ settings, scene, rows }) {
    const words = Object.entries(CONTROLS).map(([name, c]) => [c.key, settings[name]]);
    words.push(["waves", settings.amplitudes.join(",")], ["scene", scene]);
    if (rows) words.push(["data", rows.map((row) => row.join(",")).join(";")]);
    return String(new URLSearchParams(words));
  }

  // What the words of an address say, and remarks on what was not allowed; null where there are none.
  function read(address) {
    const words = [...new URLSearchParams(address)],
      names = new Map(Object.entries(CONTROLS).map(([name, c]) => [c.key, name]));
    if (!words.length) return null;
    const said = { settings: start(), scene: 1, rows: null, remarks: [] },
      { settings, remarks } = said;
    for (const [key, text] of words) {
      const name = names.get(key);
      if (name) {
        const [value, remark] = allowed(name, text);
        settings[name] = value;
        if (remark) remarks.push(remark);
      } else if (key === "waves") {
        const parts = text.split(",").slice(0, WAVES);
        const fine = parts.length === WAVES && parts.every((v) => NUMBER.test(v) && v >= 0 && v <= 1);
        if (fine) settings.amplitudes = parts.map(Number);
        else remarks.push(`Waves: “${short(text)}” is not eight numbers from 0 to 1; all are 1.`);
      } else if (key === "scene") {
        if (/^[1-5]$/.test(text)) said.scene = Number(text);
        else remarks.push(`Scene: “${short(text)}” is not 1 to 5; 1 is taken.`);
      } else if (key === "data") {
        const found = readRows(text.replaceAll(";", "\n"));
        if (found.rows) said.rows = found.rows;
        remarks.push(...found.remarks);
      } else remarks.push(`“${short(key)}” in the address is no setting.`);
    }
    return said;
  }

  // Two columns of numbers out of pasted text: separated by anything, with decimal commas where another mark separates.
  function readRows(text) {
    const rows = [],
      remarks = [],
      refuse = (why) => ({ rows: null, remarks: [`Your data: ${why}`] });
    const lines = text
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter(Boolean);
    for (const [i, line] of lines.entries()) {
      const decimal = /[;\t]|\s/.test(line) && /^[^,]*\d,\d/.test(line) && !/,\s/.test(line);
      const parts = (decimal ? line.replaceAll(",", ".") : line).split(/[\s,;]+/).filter(Boolean);
      if (parts.length === 2 && parts.every((part) => NUMBER.test(part) && Math.abs(part) < 1e12))
        rows.push(parts.map((part) => Number(Number(part).toPrecision(9))));
      else if (i > 0 || lines.length < 2)
        return refuse(`line ${i + 1}, “${short(line)}”, is not two numbers, x and y. Nothing is changed.`);
    }
    if (new Set(rows.map(([x]) => x)).size < 5)
      return refuse(`${rows.length} rows; at least 5 different x are needed. Nothing is changed.`);
    const y = rows.map((row) => row[1]);
    if (Math.max(...y) === Math.min(...y))
      return refuse("y is the same everywhere: there is nothing to learn. Nothing is changed.");
    if (rows.length <= MOST_ROWS) return { rows, remarks };
    const sorted = rows.sort((a, b) => a[0] - b[0]),
      kept = Array.from({ length: MOST_ROWS }, (_, i) => sorted[Math.floor((i * rows.length) / MOST_ROWS)]);
    return {
      rows: kept,
      remarks: [`Your data: ${rows.length} rows; ${MOST_ROWS} of them, evenly in the order of x, are taken.`],
    };
  }

  // The values of a logarithmic slider: powers of two, or round numbers.
  function ladder(c) {
    const values = [];
    if (c.doubling) for (let v = c.min; v <= c.max; v *= 2) values.push(v);
    else
      for (let e = Math.floor(Math.log10(c.min)); 10 ** e <= c.max; e++)
        values.push(...[1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8].map((m) => Number(`${m}e${e}`)));
    return values.filter((v) => v >= c.min && v <= c.max);
  }
  const LADDERS = new Map(
    Object.entries(CONTROLS)
      .filter(([, c]) => c.log)
      .map(([name, c]) => [name, ladder(c)]),
  );
  const position = (name, v) =>
    LADDERS.has(name)
      ? LADDERS.get(name).reduce(
          (best, rung, i, all) => (Math.abs(Math.log(rung / v)) < Math.abs(Math.log(all[best] / v)) ? i : best),
          0,
        )
      : v;
  const valueAt = (name, at) => (LADDERS.has(name) ? LADDERS.get(name)[at] : Number(at.toPrecision(6)));

  return { WAVES, LADDERS, start, format, allowed, write, read, readRows, position, valueAt };
})();
