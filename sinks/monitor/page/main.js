// Websocket in, screen out. Everything that can die is noticed here by the page's own clock.

import { paper, traces } from "./draw.js";
import { Playhead } from "./playhead.js";
import { FS, Patient } from "./store.js";

const LATE_S = 6; // a window comes every 2 s at the speed of life
const DEAF_S = 3.5; // the server gives a sign every second
const RANK = { high: 0, medium: 1, low: 2 };

const find = (id) => document.getElementById(id);
const patients = new Map();
const playhead = new Playhead();
let chosen = null;
let heard = null; // page clock of the server's last sign
let opened = performance.now();
let drawn = performance.now();

function patient(name) {
  if (!patients.has(name)) {
    patients.set(name, new Patient(name));
    const option = document.createElement("option");
    option.value = option.textContent = name;
    find("patient").append(option);
    if (chosen === null) choose(name);
  }
  return patients.get(name);
}

function choose(name) {
  chosen = name;
  find("patient").value = name;
  playhead.place = null;
}

function take(message) {
  const now = performance.now();
  heard = now;
  if (message.kind === "hello") {
    find("label").textContent = message.label;
    for (const one of patients.values()) { one.clear(); one.alerts.clear(); }
    message.messages.forEach((one) => patient(one.patient).take(one, now));
  } else if (message.kind !== "alive") {
    patient(message.patient).take(message, now);
  }
}

function connect() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}/ws`);
  socket.onmessage = (event) => take(JSON.parse(event.data));
  socket.onclose = () => setTimeout(connect, 1000);
  socket.onerror = () => socket.close();
}

function lost(one, now) {
  if (now - (heard ?? opened) > DEAF_S * 1000) return "the monitor server does not answer";
  if (one === null || one.heardEcg === null) return null;
  if (one.ended || one.status?.ended) return null;
  const late = (now - one.heardEcg) / 1000;
  if (late <= LATE_S) return null;
  const pulse = one.heardPpg !== null && now - one.heardPpg < LATE_S * 1000;
  const where = pulse ? "the pulse arrives, but no estimate: is the inference running?" : "no signal arrives";
  return `${where} (for ${Math.floor(late)} s)`;
}

function show(now) {
  const one = chosen === null ? null : patients.get(chosen);
  const why = lost(one, now);
  find("nodata").hidden = why === null;
  find("nodata-why").textContent = why ?? "";
  find("waiting").hidden = why !== null || (one !== null && one.heardEcg !== null);
  const linked = heard !== null && now - heard < DEAF_S * 1000;
  find("link").textContent = linked ? (why ? "signal lost" : "connected") : "not connected";
  alerts(one);
  numbers(one, why !== null);
}

function alerts(one) {
  const list = one === null ? [] : [...one.alerts.values()].sort((a, b) => RANK[a.priority] - RANK[b.priority]);
  const key = list.map((alert) => alert.id + alert.priority + alert.text).join();
  const box = find("alerts");
  if (box.dataset.key === key) return;
  box.dataset.key = key;
  box.replaceChildren(...(list.length ? list : [{ priority: "none", text: "No alerts" }]).map((alert) => {
    const line = document.createElement("div");
    line.className = alert.priority;
    line.textContent = alert.text;
    return line;
  }));
}

function numbers(one, stale) {
  const at = one !== null && playhead.place !== null ? one.numbersAt(playhead.place) : null;
  const known = at !== null && !stale;
  find("rate").textContent = known && at.rate !== null ? at.rate : "--";
  find("quality").textContent = known ? Math.round(100 * at.quality) : "--";
  find("confidence").textContent = known && at.beats.length ? Math.round(100 * at.confidence) : "--";
  find("model").textContent = at === null ? "" : `model ${at.model}`;
  find("truth-box").hidden = one === null || one.truth.size === 0;
  const ended = one !== null && (one.ended || one.status?.ended);
  const silent = known && one.silent.find(([from, to]) => from <= playhead.place && playhead.place < to);
  find("state").textContent = one === null ? "no patient yet"
    : ended && playhead.place >= one.head - 1 ? "monitoring ended"
    : silent ? `no estimate: ${silent[2]}`
    : known ? "estimating" : "waiting";
  sensor(one?.status);
  const beat = known && one.beats.some((place) => place <= playhead.place && playhead.place < place + 0.12 * FS);
  find("beat").classList.toggle("on", Boolean(beat));
}

function sensor(status) {
  find("device-box").hidden = !status;
  if (!status) return;
  const facts = [status.state];
  if (status.fs !== null) facts.push(`${status.fs.toFixed(1)} Hz`);
  if (status.battery !== null) facts.push(`battery ${Math.round(status.battery)} %`);
  if (status.gaps) facts.push(`${status.gaps} gap${status.gaps > 1 ? "s" : ""}`);
  if (status.drops) facts.push(`${status.drops} lost`);
  find("device").textContent = facts.join(" · ");
}

function frame(now) {
  const one = chosen === null ? null : patients.get(chosen);
  if (one !== null) playhead.advance(one, Math.min(0.25, (now - drawn) / 1000));
  drawn = now;
  traces(find("traces"), one, playhead.place, find("truth").checked);
  document.body.dataset.place = playhead.place === null ? "" : String(Math.round(playhead.place));
  requestAnimationFrame(frame);
}

find("patient").onchange = (event) => choose(event.target.value);
new ResizeObserver(() => paper(find("paper"))).observe(find("screen"));
connect();
setInterval(() => show(performance.now()), 200);
requestAnimationFrame(frame);
