// The drawing board: strokes of mouse, pen, finger or keys, or a picture that was taken.

import { decodeBase64 } from "./client.js";
import { SIDE, paint } from "./strokes.js";

const EMPTY = { strokes: [], picture: null };
const STEP = 16; // of the pen by an arrow key; with Shift a quarter of it

export class Board {
  /**
   * `onBegin()` is called when a stroke begins, `onEnd()` at its end and when anything else has
   * changed the drawing, `onPen(down)` when the keys have put the pen down or lifted it.
   */
  constructor(canvas, { onBegin, onEnd, onPen }) {
    Object.assign(this, { canvas, onBegin, onEnd, onPen });
    this.context = canvas.getContext("2d");
    this.width = 36;
    this.state = EMPTY;
    this.past = [];
    this.stroke = null; // the one that is being drawn
    this.marks = []; // digits and their boxes in pixels of the picture, drawn over it
    this.pen = null; // where the keys have brought it
    this.#listenToPointers();
    this.#listenToKeys();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
    this.draw();
  }

  get empty() {
    return !this.state.picture && !this.state.strokes.length;
  }

  get file() {
    return this.state.picture?.file ?? null;
  }

  undo() {
    if (!this.past.length) return;
    this.state = this.past.pop();
    this.#changed();
  }

  clear() {
    if (!this.empty) this.#become(EMPTY);
  }

  /** Shows the strokes of a sample. */
  takeStrokes(strokes) {
    this.#become({ strokes, picture: null });
  }

  /** Takes a file; one that this browser cannot show is sent to the service all the same. */
  async takeFile(file) {
    const image = await createImageBitmap(file).catch(() => null);
    this.#become({ strokes: [], picture: { file, image } });
  }

  /** The picture as it is sent: the file as it came, or the drawing in black on white. */
  toFile() {
    if (this.file) return this.file;
    const canvas = Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE });
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, SIDE, SIDE);
    paint(context, this.state.strokes, "#000");
    // Not by toBlob, which waits for an idle moment; there may be none for seconds.
    return new File([decodeBase64(canvas.toDataURL("image/png").split(",")[1])], "digit.png", { type: "image/png" });
  }

  /** Draws `marks`, each `{ digit, box: [left, top, width, height] }`, over the picture. */
  mark(marks) {
    this.marks = marks;
    this.draw();
  }

  draw() {
    const { context, canvas } = this;
    const style = getComputedStyle(canvas);
    context.clearRect(0, 0, SIDE, SIDE);
    const { picture, strokes } = this.state;
    if (picture?.image) {
      const { image } = picture;
      const scale = Math.min(SIDE / image.width, SIDE / image.height);
      const [w, h] = [image.width * scale, image.height * scale];
      context.imageSmoothingEnabled = scale < 4;
      context.drawImage(image, (SIDE - w) / 2, (SIDE - h) / 2, w, h);
      this.#drawMarks(style, scale, (SIDE - w) / 2, (SIDE - h) / 2);
    } else if (picture) {
      context.fillStyle = style.color;
      context.font = `22px ${style.fontFamily}`;
      context.textAlign = "center";
      context.fillText(`This browser cannot show ${picture.file.name}`.slice(0, 48), SIDE / 2, SIDE / 2);
    }
    paint(context, this.stroke ? [...strokes, this.stroke] : strokes, style.color);
    if (!picture) this.#drawMarks(style, 1, 0, 0);
    if (this.pen && document.activeElement === canvas) this.#drawPen(style);
  }

  #drawMarks(style, scale, x, y) {
    const { context } = this;
    Object.assign(context, { lineWidth: 2, font: `600 20px ${style.fontFamily}`, textAlign: "left" });
    context.strokeStyle = context.fillStyle = style.getPropertyValue("--accent");
    for (const { digit, box: [left, top, width, height] } of this.marks) {
      context.strokeRect(x + scale * left - 2, y + scale * top - 2, scale * width + 4, scale * height + 4);
      context.fillText(digit, x + scale * left - 2, Math.max(18, y + scale * top - 6));
    }
  }

  #drawPen(style) {
    const { context, pen: [x, y], width } = this;
    Object.assign(context, { strokeStyle: style.getPropertyValue("--accent"), lineWidth: 4 });
    context.beginPath();
    context.arc(x, y, width / 2 + 4, 0, 2 * Math.PI);
    context.stroke();
  }

  #become(state) {
    this.past.push(this.state);
    this.state = state;
    this.#changed();
  }

  #changed() {
    this.stroke = null;
    this.marks = [];
    this.draw();
    this.onEnd();
  }

  #begin(point) {
    // A picture makes room for the first stroke.
    this.stroke = { width: this.width, points: [point] };
    this.marks = [];
    if (this.state.picture) {
      this.past.push(this.state);
      this.state = EMPTY;
    }
    this.draw();
    this.onBegin();
  }

  #end() {
    if (!this.stroke) return;
    this.#become({ strokes: [...this.state.strokes, this.stroke], picture: null });
  }

  #listenToPointers() {
    const { canvas } = this;
    const at = (event) => {
      const box = canvas.getBoundingClientRect();
      const units = SIDE / box.width;
      return [Math.round((event.clientX - box.left) * units), Math.round((event.clientY - box.top) * units)];
    };
    canvas.addEventListener("pointerdown", (event) => {
      if (!event.isPrimary || event.button !== 0) return;
      canvas.setPointerCapture(event.pointerId);
      this.pen = null;
      this.#begin(at(event));
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.stroke || this.pen || !event.isPrimary) return;
      const seen = event.getCoalescedEvents?.() ?? [];
      this.stroke.points.push(...(seen.length ? seen : [event]).map(at));
      this.draw();
    });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, (event) => event.isPrimary && !this.pen && this.#end());
    }
  }

  #listenToKeys() {
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    this.canvas.addEventListener("keydown", (event) => {
      if (event.key === "z" && (event.ctrlKey || event.metaKey)) this.undo();
      else if (moves[event.key]) this.#move(moves[event.key], event.shiftKey ? STEP / 4 : STEP);
      else if (event.key === " " || event.key === "Enter") this.#toggle();
      else return;
      event.preventDefault();
    });
    this.canvas.addEventListener("focus", () => this.draw());
    this.canvas.addEventListener("blur", () => {
      this.#end();
      this.draw();
    });
  }

  #move([right, down], step) {
    const within = (value) => Math.max(0, Math.min(SIDE, value));
    const [x, y] = this.pen ?? [SIDE / 2, SIDE / 4];
    this.pen = [within(x + step * right), within(y + step * down)];
    this.stroke?.points.push(this.pen);
    this.draw();
  }

  #toggle() {
    this.pen ??= [SIDE / 2, SIDE / 4];
    if (this.stroke) this.#end();
    else this.#begin(this.pen);
    this.onPen(Boolean(this.stroke));
  }
}
