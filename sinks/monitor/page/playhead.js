// Where the sweep is: event time that follows the data at their own speed, a little behind them, and never runs ahead.

import { FS } from "./store.js";

const BEHIND = 2.2 * FS; // windows come in hops of 2 s: a smooth sweep needs one in hand

export class Playhead {
  constructor() {
    this.place = null;
  }

  advance(patient, seconds) {
    if (patient.head === null) {
      this.place = null;
      return;
    }
    const ahead = this.place === null ? Infinity : patient.head - this.place;
    if (ahead > 12 * FS || ahead < 0) {
      this.place = patient.head - BEHIND; // opened late, a jump in time, or a replay much faster than life
      return;
    }
    // follow faster the further behind: at the usual distance exactly as fast as life
    const rate = patient.ended ? 1 : Math.max(0.9, Math.min(6, 1 + 0.12 * (ahead / FS - 2.2)));
    this.place = Math.min(this.place + rate * seconds * FS, patient.head);
  }
}
