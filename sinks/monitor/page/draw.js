// ECG paper and traces: 25 mm/s and 10 mm/mV, six rows of two leads, the pulse below; a sweep with an erase bar.

import { EMPTY, FS, LEADS } from "./store.js";

const MM = 96 / 25.4; // CSS pixels of a millimetre
const PER_S = 25 * MM;
const PER_MV = 10 * MM;
const BAR_S = 0.25;
const LEFT = 8;
const TRUE_INK = "#2f7de1";
const INK = "#16130f";

export function layout(width, height) {
  const columns = width < 560 ? 1 : 2;
  const rows = 12 / columns;
  const pulse = Math.max(46, Math.min(90, height * 0.11));
  const row = (height - pulse - 6) / rows;
  const column = (width - LEFT) / columns;
  const boxes = LEADS.map((name, i) => ({
    name,
    x: LEFT + Math.floor(i / rows) * column,
    y: (i % rows) * row,
    width: column - 6,
    height: row,
    seconds: (column - 6 - 22) / PER_S,
    inset: 22, // the calibration pulse stands here
  }));
  const below = { name: "PPG", x: LEFT, y: height - pulse, width: width - LEFT - 6, height: pulse, inset: 22 };
  below.seconds = (below.width - below.inset) / PER_S;
  return { boxes, pulse: below, width, height };
}

export function fit(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const { clientWidth, clientHeight } = canvas;
  if (canvas.width !== Math.round(clientWidth * ratio) || canvas.height !== Math.round(clientHeight * ratio)) {
    canvas.width = Math.round(clientWidth * ratio);
    canvas.height = Math.round(clientHeight * ratio);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  return pen;
}

export function paper(canvas) {
  const pen = fit(canvas);
  const { clientWidth: width, clientHeight: height } = canvas;
  pen.clearRect(0, 0, width, height);
  for (const [step, ink] of [[MM, "#fbe6e1"], [5 * MM, "#f0bdb2"]]) {
    pen.beginPath();
    for (let x = LEFT; x < width; x += step) { pen.moveTo(x, 0); pen.lineTo(x, height); }
    for (let y = 0; y < height; y += step) { pen.moveTo(0, y); pen.lineTo(width, y); }
    pen.strokeStyle = ink;
    pen.lineWidth = step > MM ? 1 : 0.6;
    pen.stroke();
  }
}

export function traces(canvas, patient, place, withTruth) {
  const pen = fit(canvas);
  const plan = layout(canvas.clientWidth, canvas.clientHeight);
  pen.clearRect(0, 0, plan.width, plan.height);
  if (patient === null || place === null) return;
  plan.boxes.forEach((box, i) => {
    pen.save();
    pen.beginPath();
    pen.rect(box.x, 0, box.width, plan.height); // a tall wave runs into the next row, as on paper
    pen.clip();
    silences(pen, box, patient, place);
    const truth = withTruth ? patient.truth.get(box.name) : null;
    if (truth) trace(pen, box, truth, place, TRUE_INK, 1.1, PER_MV / 1000, patient.first, baseline(truth, place));
    trace(pen, box, patient.leads[i], place, INK, 1.5, PER_MV / 1000, patient.first);
    if (box.name === "II") beats(pen, box, patient, place);
    pen.restore();
    frame(pen, box);
  });
  pulse(pen, plan.pulse, patient, place);
}

// x of a place in the sweep, and the oldest place still shown
function sweep(box, place) {
  const span = box.seconds * FS;
  const from = place - span + BAR_S * FS;
  return { from, x: (g) => box.x + box.inset + (((g % span) + span) % span) / FS * PER_S, span };
}

// a recorded ECG wanders: its middle over the last seconds is laid on the estimate's
function baseline(ring, place) {
  const seen = [];
  for (let g = Math.floor(place) - 6 * FS; g <= place; g += 8) {
    const value = ring.at(g);
    if (value !== EMPTY) seen.push(value);
  }
  return seen.length ? seen.sort((a, b) => a - b)[seen.length >> 1] : 0;
}

function trace(pen, box, ring, place, ink, width, scale, first, base = 0) {
  const { from, x } = sweep(box, place);
  const middle = box.y + box.height * 0.58;
  pen.beginPath();
  let before = null;
  for (let g = Math.max(Math.ceil(from), first ?? 0); g <= place; g++) {
    const value = ring.at(g);
    if (value === EMPTY) { before = null; continue; }
    const px = x(g);
    const py = middle - (value - base) * scale;
    if (before === null || px < before) pen.moveTo(px, py);
    else pen.lineTo(px, py);
    before = px;
  }
  pen.strokeStyle = ink;
  pen.lineWidth = width;
  pen.lineJoin = "round";
  pen.stroke();
}

function silences(pen, box, patient, place) {
  const { from, x, span } = sweep(box, place);
  for (const [start, stop, reason] of joined(patient.silent)) {
    let a = Math.max(start, from, patient.first ?? start);
    const b = Math.min(stop, place);
    while (a < b) {
      const turn = (Math.floor(a / span) + 1) * span; // a stretch may run over the sweep's end
      const to = Math.min(b, turn - 1e-6);
      hatch(pen, x(a), box.y, x(to) - x(a), box.height, reason);
      a = turn;
    }
  }
}

function joined(silent) {
  const out = [];
  for (const [start, stop, reason] of silent) {
    const last = out[out.length - 1];
    if (last && last[1] === start && last[2] === reason) last[1] = stop;
    else out.push([start, stop, reason]);
  }
  return out;
}

function hatch(pen, x, y, width, height, reason) {
  if (width < 1) return;
  pen.save();
  pen.beginPath();
  pen.rect(x, y + 1, width, height - 2);
  pen.clip();
  pen.fillStyle = "#e7ebef";
  pen.fillRect(x, y, width, height);
  pen.beginPath();
  for (let at = x - height; at < x + width; at += 8) { pen.moveTo(at, y + height); pen.lineTo(at + height, y); }
  pen.strokeStyle = "#c2ccd5";
  pen.lineWidth = 1;
  pen.stroke();
  pen.fillStyle = "#3d4c5a";
  pen.font = "12px system-ui, sans-serif";
  if (pen.measureText(reason).width < width - 6) pen.fillText(reason, x + 4, y + height - 6);
  pen.restore();
}

function beats(pen, box, patient, place) {
  const { from, x } = sweep(box, place);
  pen.fillStyle = "#c1121f";
  for (const beat of patient.beats) {
    if (beat < from || beat > place) continue;
    const px = x(beat);
    pen.beginPath();
    pen.moveTo(px - 4, box.y + 2);
    pen.lineTo(px + 4, box.y + 2);
    pen.lineTo(px, box.y + 8);
    pen.fill();
  }
}

function frame(pen, box) {
  const middle = box.y + box.height * 0.58;
  pen.fillStyle = INK;
  pen.font = "600 13px system-ui, sans-serif";
  pen.fillText(box.name, box.x + 2, box.y + 14);
  pen.beginPath(); // 1 mV, 0.2 s
  pen.moveTo(box.x, middle);
  pen.lineTo(box.x + 3, middle);
  pen.lineTo(box.x + 3, middle - PER_MV);
  pen.lineTo(box.x + 3 + 0.1 * PER_S, middle - PER_MV);
  pen.lineTo(box.x + 3 + 0.1 * PER_S, middle);
  pen.lineTo(box.x + 6 + 0.1 * PER_S, middle);
  pen.strokeStyle = "#6b5a55";
  pen.lineWidth = 1;
  pen.stroke();
}

function pulse(pen, box, patient, place) {
  pen.save();
  pen.beginPath();
  pen.rect(box.x, box.y, box.width, box.height);
  pen.clip();
  trace(pen, box, patient.ppg, place, "#0b6b2f", 1.5, box.height / 5200, patient.first);
  pen.restore();
  pen.fillStyle = "#0b6b2f";
  pen.font = "600 13px system-ui, sans-serif";
  pen.fillText("PPG (measured)", box.x + 2, box.y + 14);
}
