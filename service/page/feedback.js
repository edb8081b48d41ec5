// "Wrong? Say which": tells the service what a picture shows, where it keeps what it reads.

import { ask } from "./client.js";

const NONE = "No digit";

export class Feedback {
  /** Shows itself in `root` after a reading; `onFailure(error)` is told of what goes wrong. */
  constructor(root, onFailure) {
    Object.assign(this, { root, onFailure, offered: false, requests: [] });
    this.thanks = root.querySelector("output");
    this.buttons = [...Array(10).keys(), null].map((digit) => this.#button(digit));
    root.querySelector(".told").append(...this.buttons);
  }

  #button(digit) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: digit ?? NONE });
    button.setAttribute("aria-pressed", "false");
    button.addEventListener("click", () => this.#tell(digit, button));
    return button;
  }

  /** Offers to correct the answers with these ids, if the service keeps them. */
  show(requests) {
    this.hide();
    this.requests = requests;
    this.root.hidden = !this.offered || !requests.length;
  }

  hide() {
    this.requests = [];
    this.root.hidden = true;
    this.thanks.textContent = "";
    for (const button of this.buttons) button.setAttribute("aria-pressed", "false");
  }

  async #tell(digit, pressed) {
    const { requests } = this;
    const headers = { "Content-Type": "application/json" };
    try {
      for (const id of requests) await ask("feedback", { method: "POST", headers, body: JSON.stringify({ request_id: id, digit }) });
      if (requests !== this.requests) return; // another picture is shown by now
      for (const button of this.buttons) button.setAttribute("aria-pressed", String(button === pressed));
      this.thanks.textContent = digit === null ? "Thank you: kept as no digit." : `Thank you: kept as ${digit}.`;
    } catch (error) {
      this.onFailure(error);
    }
  }
}
