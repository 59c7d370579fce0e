// What is known of one patient: rings on the 128 Hz grid, beats, stretches without an estimate.

export const FS = 128;
export const LEADS = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"];
export const EMPTY = -32768;
const SIZE = FS * 128;

export class Ring {
  constructor() {
    this.values = new Int16Array(SIZE).fill(EMPTY);
    this.head = null; // place after the newest sample
  }

  put(at, values) {
    if (this.head === null || at > this.head + SIZE) this.values.fill(EMPTY);
    else for (let g = this.head; g < at; g++) this.values[g % SIZE] = EMPTY;
    for (let i = 0; i < values.length; i++) this.values[(at + i) % SIZE] = values[i];
    this.head = Math.max(this.head ?? 0, at + values.length);
  }

  at(place) {
    if (this.head === null || place >= this.head || place < this.head - SIZE) return EMPTY;
    return this.values[place % SIZE];
  }
}

export class Patient {
  constructor(name) {
    this.name = name;
    this.alerts = new Map();
    this.status = null;
    this.clear();
  }

  clear() {
    this.session = null;
    this.leads = LEADS.map(() => new Ring());
    this.truth = new Map();
    this.ppg = new Ring();
    this.beats = [];
    this.silent = []; // [from, to, reason]
    this.numbers = []; // newest last
    this.first = null;
    this.head = null;
    this.ended = false;
    this.heardEcg = null;
    this.heardPpg = null;
  }

  take(message, now) {
    if (message.kind === "alert") {
      if (message.state === "cleared") this.alerts.delete(message.id);
      else this.alerts.set(message.id, message);
      return;
    }
    if (message.kind === "status") {
      this.status = message;
      return;
    }
    if (message.session !== this.session) {
      this.clear();
      this.session = message.session;
    }
    if (message.kind === "ppg") {
      this.ppg.put(message.at, message.values);
      this.heardPpg = now;
    } else if (message.kind === "truth") {
      message.names.forEach((name, i) => {
        if (!this.truth.has(name)) this.truth.set(name, new Ring());
        this.truth.get(name).put(message.at, message.leads[i]);
      });
    } else if (message.kind === "ecg") {
      this.ecg(message, now);
    }
  }

  ecg(message, now) {
    const stop = message.at + message.leads[0].length;
    if (this.head !== null && message.at > this.head) this.silent.push([this.head, message.at, "no signal"]);
    message.leads.forEach((values, i) => this.leads[i].put(message.at, values));
    this.beats.push(...message.beats);
    this.silent.push(...message.abstained);
    this.numbers.push(message);
    const oldest = stop - SIZE;
    this.beats = this.beats.filter((place) => place > oldest);
    this.silent = this.silent.filter((one) => one[1] > oldest);
    this.numbers = this.numbers.filter((one) => one.at > oldest);
    this.first ??= message.at;
    this.head = stop;
    this.ended = message.last;
    this.heardEcg = now;
  }

  // numbers of the segment that owns a place
  numbersAt(place) {
    for (let i = this.numbers.length - 1; i >= 0; i--) if (this.numbers[i].at <= place) return this.numbers[i];
    return null;
  }
}
