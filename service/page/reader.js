// One model's reading: its answer, and the figure that follows it row by row.

export const ROWS = 28;
const SURE = 0.9;

const REASONS = {
  blank: () => "There is no ink.",
  several_digits: () => "The picture holds more than one digit.",
  not_a_digit: () => "No digit is found in it.",
  low_confidence: ([[one, p], [other, q]]) => `It hesitates between ${one} (${percent(p)}) and ${other} (${percent(q)}).`,
};
export const DEVICES = { CPUExecutionProvider: "the CPU", CUDAExecutionProvider: "an NVIDIA GPU" };

/** A share in percent; one that is not 0 or 1 is not rounded to it. */
export function percent(share, decimals = 1) {
  const least = 10 ** -decimals;
  const value = 100 * share;
  if (share > 0 && value < least) return `<${least.toFixed(decimals)}\u202f%`;
  if (share < 1 && value > 100 - least) return `>${(100 - least).toFixed(decimals)}\u202f%`;
  return `${value.toFixed(decimals)}\u202f%`;
}

/** Digits with their probabilities, the most probable first. */
const ranked = (probabilities) => probabilities.map((p, digit) => [digit, p]).sort(([, p], [, q]) => q - p);

export class Reader {
  /**
   * Shows the readings of the model `described`, as the list of models has it. `onScrub(row)` is
   * called when somebody goes back to a row, `onSee()` when the picture shall be read as a number.
   */
  constructor(described, { onScrub, onSee }) {
    this.model = described;
    this.root = document.getElementById("reader").content.firstElementChild.cloneNode(true);
    this.root.setAttribute("aria-label", `Read by ${described.name}`);
    this.find = (part) => this.root.querySelector(`[data-part=${part}]`);
    this.all = (part) => [...this.root.querySelectorAll(`[data-part=${part}]`)];
    for (const row of [1, 7, 14, 21, 28]) this.find("axis").append(mark(row, row));
    this.bars = [...Array(10).keys()].map((digit) => this.#bar(digit));
    this.find("bars").append(...this.bars.map(({ item }) => item));
    for (const plot of this.all("scrub")) scrub(plot, onScrub);
    this.find("see").addEventListener("click", onSee);
    this.find("numbers").addEventListener("toggle", () => this.#writeNumbers());
    // A model that reads by rows shows them in its figure.
    this.find("figure").hidden = this.find("minds").hidden = !described.rows;
    this.find("seen").hidden = this.find("whole").hidden = described.rows;
    this.clear();
  }

  #bar(digit) {
    const item = document.createElement("li");
    const [name, track, value] = ["b", "span", "span"].map((tag) => document.createElement(tag));
    const fill = document.createElement("i");
    track.className = "track";
    value.className = "value";
    name.textContent = digit;
    track.append(fill);
    item.append(name, track, value);
    return { item, fill, value };
  }

  /** Forgets the reading, for a new one. */
  clear() {
    this.rows = [];
    this.prediction = null;
    this.pixels = null;
    this.shown = 0;
    this.root.classList.add("empty");
    this.find("digit").textContent = "";
    this.find("sure").textContent = "Nothing read yet";
    this.find("state").textContent = "Draw, choose a picture, or take a sample.";
    this.find("state").className = "state";
    this.find("see").hidden = true;
    this.find("facts").textContent = this.model.test_accuracy ? `${this.model.name}: ${(100 * this.model.test_accuracy).toFixed(2)}\u202f% of MNIST\u2019s test images read right` : this.model.name;
    this.find("minds").textContent = "";
    this.find("changes").replaceChildren();
    this.find("numbers").hidden = true;
    this.find("seen").setAttribute("aria-label", "What the model saw: nothing yet");
    for (const part of ["seen", "picture", "hidden", "history"]) wipe(this.find(part));
    this.show(0);
  }

  /** Says that an answer is on its way. */
  wait() {
    this.find("sure").textContent = "Reading \u2026";
    this.find("state").textContent = "";
  }

  /** Takes the event of one row. */
  addRow(row) {
    this.rows.push(row);
  }

  /** Takes the ordinary prediction, its preview decoded to 28 x 28 `pixels`, and the time it took. */
  finish(prediction, pixels, milliseconds) {
    Object.assign(this, { prediction, pixels });
    this.root.classList.remove("empty");
    this.#findChanges();
    const { digit, confidence, accepted, reason, see, model, provider } = prediction;
    this.find("see").hidden = !see;
    const best = ranked(prediction.probabilities);
    this.find("digit").textContent = digit;
    this.find("sure").textContent = `${percent(confidence, 2)} sure`;
    this.find("state").textContent = accepted ? "Accepted" : `Not accepted: ${lower(REASONS[reason](best))}`;
    this.find("state").className = `state ${accepted ? "accepted" : "refused"}`;
    this.find("facts").textContent = `${model}, run on ${DEVICES[provider] ?? provider} (${provider}); answered in ${Math.round(milliseconds)}\u202fms, network included`;
    paintInk(this.find("seen"), pixels, ROWS);
    this.find("seen").setAttribute("aria-label", "What the model saw: 28 rows of 28 pixels");
    this.find("numbers").hidden = !this.rows.length;
    if (this.rows[0]?.hidden) this.find("units").textContent = `${this.rows[0].hidden.length} units`;
    this.#writeNumbers();
    this.show(this.shown);
  }

  /** The answer in a corner's space. */
  get brief() {
    const { digit, accepted } = this.prediction;
    return accepted ? `${digit}` : `${digit}, not accepted`;
  }

  /** One sentence for those who do not see it. */
  get spoken() {
    const { digit, confidence, model } = this.prediction;
    return `${model} reads ${digit}, ${percent(confidence)} sure. ${this.find("state").textContent}.`.replace("..", ".");
  }

  get changes() {
    return this.rows.filter(({ changed }) => changed);
  }

  /** Shows how things stood after row `count`; 0: before the first. */
  show(count) {
    this.shown = count;
    const row = this.rows[count - 1];
    const read = this.rows.slice(0, count);
    if (this.pixels) paintInk(this.find("picture"), this.pixels, count);
    paintState(this.find("hidden"), read);
    paintHistory(this.find("history"), read);
    for (const line of this.all("scan")) {
      line.hidden = count === 0;
      line.style.top = `${(100 * count) / ROWS}%`;
    }
    const labels = read.filter(({ changed }) => changed).map(({ row: at, digit }) => mark(at, `\u2192${digit}`));
    // None covers the one before.
    labels.slice(1).forEach(({ style }, i) => (style.top = `max(${style.top}, ${labels[i].style.top} + 11px)`));
    this.find("changes").replaceChildren(...labels);
    this.find("after").textContent = count ? `after row ${count}` : "of each digit";
    this.bars.forEach(({ item, fill, value }, digit) => {
      const p = row?.probabilities[digit];
      fill.style.transform = `scaleX(${p ?? 0})`;
      value.textContent = row ? percent(p) : "\u2013";
      item.classList.toggle("leading", row?.digit === digit);
    });
  }

  /** Finds where it changed its mind. Until there is ink, it can only guess what is frequent. */
  #findChanges() {
    const first = Math.floor(this.pixels.findIndex((light) => light > 0) / ROWS) + 1;
    const seen = first ? this.rows.slice(first - 1) : [];
    seen.forEach((row, i) => (row.changed = i > 0 && row.digit !== seen[i - 1].digit));
    if (!seen.length) return;
    const [{ digit, confidence }] = seen;
    const steps = this.changes.map((row) => `${row.digit} from row ${row.row}`);
    const unsure = seen.findLastIndex((row) => row.digit !== seen.at(-1).digit || row.confidence < SURE);
    const sure = seen[unsure + 1];
    this.find("minds").textContent = [
      `With the first ink, in row ${first}, it guessed ${digit} (${percent(confidence)}).`,
      steps.length ? `It changed its mind: ${steps.join(", ")}.` : "It kept to that.",
      sure ? `From row ${sure.row} on it was over ${percent(SURE, 0)} sure.` : "",
    ].join(" ").trim();
  }

  #writeNumbers() {
    if (!this.find("numbers").open || !this.rows.length) return;
    const cell = (tag, text, scope) => Object.assign(document.createElement(tag), { textContent: text, ...(scope && { scope }) });
    const line = (cells) => {
      const tr = document.createElement("tr");
      tr.append(...cells);
      return tr;
    };
    this.find("heads").replaceChildren(line(["Row", "Digit", ...Array(10).keys()].map((text) => cell("th", text, "col"))));
    this.find("rows").replaceChildren(...this.rows.map(({ row, digit, probabilities, changed }) => {
      const tr = line([cell("th", row, "row"), cell("td", digit), ...probabilities.map((p) => cell("td", p.toFixed(4)))]);
      tr.classList.toggle("changed", Boolean(changed)); // it knows no changes above the first ink
      return tr;
    }));
  }
}

const lower = (sentence) => sentence[0].toLowerCase() + sentence.slice(1);

/** A label at the middle of a row, from the top. */
function mark(row, text) {
  const label = Object.assign(document.createElement("span"), { textContent: text });
  label.style.top = `${(100 * (row - 0.5)) / ROWS}%`;
  return label;
}

/** Lets a pointer go back to the row that it points at; a finger may also scroll there. */
function scrub(plot, onScrub) {
  const go = (event) => {
    const box = plot.getBoundingClientRect();
    onScrub(Math.max(1, Math.min(ROWS, Math.ceil((ROWS * (event.clientY - box.top)) / box.height))));
  };
  plot.addEventListener("click", go);
  plot.addEventListener("pointermove", (event) => event.pointerType === "mouse" && event.buttons === 1 && go(event));
}

function wipe(canvas) {
  canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
}

/** 28 x 28 `pixels`, 0 to 255; the rows after the first `count` are still to be read, and dim. */
function paintInk(canvas, pixels, count) {
  fill(canvas, 28, ROWS, (x, y) => {
    const light = pixels[ROWS * y + x] * (y < count ? 1 : 0.35);
    return [light, light, light, 255];
  });
}

/** A line for each row: -1 in the cool colour, 0 clear, +1 in the warm one. */
function paintState(canvas, rows) {
  const [cool, warm] = colours(canvas, "--cool", "--accent");
  const units = rows[0]?.hidden?.length ?? canvas.width;
  fill(canvas, units, ROWS, (x, y) => {
    const value = rows[y]?.hidden?.[x] ?? 0;
    return [...(value < 0 ? cool : warm), 255 * Math.min(1, Math.abs(value))];
  });
}

/** A line for each row: the probability of each digit. */
function paintHistory(canvas, rows) {
  const [warm] = colours(canvas, "--accent");
  fill(canvas, 10, ROWS, (x, y) => [...warm, 255 * (rows[y]?.probabilities[x] ?? 0)]);
}

function fill(canvas, width, height, colour) {
  if (canvas.width !== width) canvas.width = width;
  const image = new ImageData(width, height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) image.data.set(colour(x, y), 4 * (width * y + x));
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** Custom properties `#rrggbb` as red, green and blue. */
function colours(element, ...names) {
  const style = getComputedStyle(element);
  return names.map((name) => style.getPropertyValue(name).trim().match(/[0-9a-f]{2}/gi)?.map((hex) => parseInt(hex, 16)) ?? [0, 0, 0]);
}
