// Plays the rows of all readings together, and goes back to any.

import { ROWS } from "./reader.js";

const SECONDS = 2; // that all rows take

export class Player {
  /** `readers()` gives those that are shown. */
  constructor(readers) {
    this.readers = readers;
    this.slider = document.getElementById("row");
    this.button = document.getElementById("play");
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.playing = false;
    this.slider.addEventListener("input", () => this.go(Number(this.slider.value)));
    this.button.addEventListener("click", () => (this.playing ? this.pause() : this.play()));
    this.clear();
  }

  /** How many rows there are to show: those that every reader has. */
  get available() {
    const counts = this.readers().filter(({ model }) => model.rows).map(({ rows }) => rows.length);
    return counts.length ? Math.min(...counts) : 0;
  }

  clear() {
    this.playing = false;
    this.slider.disabled = this.button.disabled = true;
    document.getElementById("ticks").replaceChildren();
    this.#show(0);
  }

  /** Plays from the first row; rows that are still to come are waited for. */
  play() {
    this.slider.disabled = this.button.disabled = false;
    this.playing = true;
    const began = performance.now();
    const step = (now) => {
      if (!this.playing || this.began !== began) return;
      const due = this.still.matches ? ROWS : Math.floor((ROWS * (now - began)) / (1000 * SECONDS)) + 1;
      this.#show(Math.max(0, Math.min(due, this.available)));
      if (this.shown === ROWS) this.playing = false;
      this.#name();
      if (this.playing) requestAnimationFrame(step);
    };
    this.began = began;
    requestAnimationFrame(step);
  }

  pause() {
    this.playing = false;
    this.#name();
  }

  /** Stops at this row. */
  go(row) {
    if (!this.available) return;
    this.playing = false;
    this.#show(Math.min(row, this.available));
    this.#name();
  }

  #show(count) {
    if (count === this.shown && count) return;
    this.shown = count;
    for (const reader of this.readers()) reader.show(Math.min(count, reader.rows.length));
    this.slider.value = count || ROWS;
    this.#tick();
    this.#name();
  }

  /** Marks on the slider where a network changed its mind. */
  #tick() {
    const rows = new Set(this.readers().flatMap(({ changes }) => changes.map(({ row }) => row)));
    document.getElementById("ticks").replaceChildren(...[...rows].map((row) => {
      const tick = document.createElement("i");
      tick.style.left = `${(100 * (row - 1)) / (ROWS - 1)}%`;
      return tick;
    }));
  }

  #name() {
    const [icon, text] = this.playing ? ["pause", "Pause"] : ["play", "Play"];
    this.button.querySelector("use").setAttribute("href", `page/icons.svg#${icon}`);
    this.button.querySelector("span").textContent = text;
    document.getElementById("row-name").textContent = this.shown ? `Row ${this.shown} of ${ROWS}` : "Row \u2013";
    const read = this.readers().map(({ rows, model }) => rows[this.shown - 1] && `${model.name} ${rows[this.shown - 1].digit}`);
    this.slider.setAttribute("aria-valuetext", [`Row ${this.shown || "none"}`, ...read.filter(Boolean)].join(", "));
  }
}
