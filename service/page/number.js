// A model's reading of a number: its text, and each digit with its box.

import { DEVICES, percent } from "./reader.js";

const REASONS = {
  blank: "there is no ink.",
  not_a_number: "there are other things than digits, or more than three lines.",
  separator: "there is a point, a comma, a minus or the like, which is left out.",
  low_confidence: "the model hesitates.",
};

export class NumberReader {
  /** Shows the readings of the model `described`, as the list of models has it. */
  constructor(described) {
    this.model = described;
    this.rows = this.changes = []; // it reads no rows
    this.root = document.getElementById("number-reader").content.firstElementChild.cloneNode(true);
    this.root.setAttribute("aria-label", `Read by ${described.name}`);
    this.find = (part) => this.root.querySelector(`[data-part=${part}]`);
    this.clear();
  }

  /** Forgets the reading, for a new one. */
  clear() {
    this.prediction = null;
    this.root.classList.add("empty");
    this.find("text").textContent = "";
    this.find("sure").textContent = "Nothing read yet";
    this.find("state").textContent = "Write a number, or choose a picture of one.";
    this.find("state").className = "state";
    this.find("facts").textContent = this.model.name;
    this.find("digits").hidden = this.find("seen").hidden = true;
  }

  /** Says that an answer is on its way. */
  wait() {
    this.find("sure").textContent = "Reading \u2026";
    this.find("state").textContent = "";
  }

  show() {}

  /** Takes the prediction, its preview as an image, and the time that it took. */
  finish(prediction, image, milliseconds) {
    this.prediction = prediction;
    const { text, confidence, accepted, reason, model, provider } = prediction;
    const digits = prediction.lines.flatMap((line) => line.digits);
    this.root.classList.toggle("empty", !text);
    this.find("text").textContent = text;
    this.find("sure").textContent = text ? `${percent(confidence, 2)} sure of it all` : "No digit found";
    this.find("state").textContent = accepted ? "Accepted" : `Not accepted: ${REASONS[reason]}`;
    this.find("state").className = `state ${accepted ? "accepted" : "refused"}`;
    this.find("facts").textContent = `${model}, run on ${DEVICES[provider] ?? provider} (${provider}); answered in ${Math.round(milliseconds)}\u202fms, network included`;
    const seen = this.find("seen");
    Object.assign(seen, { width: image.width, height: image.height, hidden: !prediction.lines.length });
    seen.getContext("2d").drawImage(image, 0, 0);
    this.find("digits").hidden = !digits.length;
    this.find("table").replaceChildren(...digits.map(({ digit, confidence: p, probabilities, box }) => {
      const tr = document.createElement("tr");
      const [, next] = probabilities.map((q, i) => [i, q]).sort(([, a], [, b]) => b - a);
      const cells = [digit, percent(p, 2), `${next[0]} (${percent(next[1], 2)})`, box.join(", ")];
      tr.append(...cells.map((value, i) => Object.assign(document.createElement(i ? "td" : "th"), { textContent: value, ...(!i && { scope: "row" }) })));
      return tr;
    }));
  }

  /** Each digit and its box, as it is drawn over the picture. */
  get marks() {
    return this.prediction.lines.flatMap((line) => line.digits);
  }

  /** The answer in a corner's space. */
  get brief() {
    return this.prediction.text.replaceAll("\n", " / ");
  }

  get spoken() {
    const { text, accepted, confidence, reason } = this.prediction;
    const lines = text.split("\n").map((line) => [...line].join(" ")).join(", new line, ");
    return `${this.model.name} reads ${lines || "nothing"}, ${accepted ? `${percent(confidence)} sure` : `not accepted: ${REASONS[reason]}`}`;
  }
}
