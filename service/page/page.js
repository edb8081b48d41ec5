// The page: what is drawn or chosen goes to the service, and what it reads is shown.

import { Board } from "./board.js";
import { ServiceError, ask, decodeBase64, events, keepKey, readKey } from "./client.js";
import { Feedback } from "./feedback.js";
import { NumberReader } from "./number.js";
import { Player } from "./player.js";
import { ROWS, Reader } from "./reader.js";
import { SAMPLES, SIDE, paint } from "./strokes.js";

const by = (id) => document.getElementById(id);
const say = (text) => (by("spoken").textContent = text);

let models = [];
let readers = [];
let asking = new AbortController(); // ends what is asked when there is something newer to ask

const board = new Board(by("board"), {
  onBegin: () => (by("board-hint").hidden = true),
  onEnd: () => read(),
  onPen: (down) => say(down ? "Pen down" : "Pen up"),
});
const player = new Player(() => readers);
const feedback = new Feedback(by("feedback"), tell);

// Reading

/** Asks every chosen model what it reads in the drawing, and shows it. */
async function read() {
  by("undo").disabled = !board.past.length;
  by("clear").disabled = board.empty;
  by("board-hint").hidden = !board.empty;
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  tell();
  for (const reader of readers) reader.clear();
  player.clear();
  feedback.hide();
  board.mark([]);
  by("badge").textContent = "";
  const file = board.empty ? null : board.toFile();
  offerCommands(file);
  if (!file || !readers.length) return;
  if (readers.some(({ model }) => model.rows)) player.play();
  for (const reader of readers) reader.wait();
  try {
    const requests = await Promise.all(readers.map((reader) => readBy(reader, file, signal)));
    if (signal.aborted) return;
    feedback.show(requests.filter(Boolean)); // of those that the service keeps
    say(readers.map(({ spoken }) => spoken).join(" "));
    by("badge").textContent = readers.map(({ brief }) => brief).join("   ");
  } catch (error) {
    if (signal.aborted) return; // however it ended: what is asked now is shown, and goes on
    asking.abort(); // a second model is not waited for
    for (const reader of readers) reader.clear();
    player.clear();
    tell(error);
  }
}

/** Has `reader` show what its model reads in `file`; the id of the answer. */
async function readBy(reader, file, signal) {
  const began = performance.now();
  const body = new FormData();
  body.append("image", file, file.name);
  const response = await ask(address(reader.model), { method: "POST", body, signal, onWait });
  const prediction = reader.model.rows ? await rowsOf(reader, response, signal) : await response.json();
  const milliseconds = performance.now() - began;
  const image = await decode(prediction.preview);
  if (!signal.aborted) {
    reader.finish(prediction, isOfNumbers(reader.model) ? image : pixelsOf(image), milliseconds);
    if (isOfNumbers(reader.model)) board.mark(reader.marks);
  }
  return isOfNumbers(reader.model) ? null : response.headers.get("X-Request-Id"); // numbers are not kept
}

const isOfNumbers = ({ task }) => task === "transcribe";

/** Where `model` is asked: row by row if it can be. */
const address = (model) => model.rows ? `predict_rows?model=${encodeURIComponent(model.name)}&hidden=true&preview=true` : `${route(model)}?model=${encodeURIComponent(model.name)}&preview=true`;
const route = (model) => isOfNumbers(model) ? "predict_number" : "predict";

/** Hands the rows to `reader` as they come; the prediction that ends them. */
async function rowsOf(reader, response, signal) {
  for await (const { event, data } of events(response)) {
    if (signal.aborted) throw new DOMException("no longer wanted", "AbortError");
    if (event === "row") reader.addRow(data);
    if (event === "prediction") return data;
    if (event === "error") throw new ServiceError(data.error);
  }
  throw new ServiceError({ code: "cut_off", status: 0, message: "The answer was cut off before its end." });
}

/** A PNG in base64 as an image. */
const decode = (preview) => createImageBitmap(new Blob([decodeBase64(preview)], { type: "image/png" }));

/** The pixels, 0 to 255, of a grey image of 28 x 28. */
function pixelsOf(image) {
  const context = new OffscreenCanvas(ROWS, ROWS).getContext("2d");
  context.drawImage(image, 0, 0);
  return context.getImageData(0, 0, ROWS, ROWS).data.filter((_, i) => i % 4 === 0);
}

// What goes wrong

/** Shows a failure in the service's words; without one, clears what was shown. */
function tell(error) {
  by("problem").hidden = by("waiting").hidden = true;
  if (!error) return;
  if (error.status === 401) {
    by("key-form").hidden = false;
    by("key").focus();
    if (!readKey()) return; // nothing is wrong yet: nobody has given a key
    error = new Error("The service does not know this key.");
  }
  by("problem").textContent = error.message;
  by("problem").hidden = false;
}

function onWait(seconds) {
  by("waiting").hidden = !seconds;
  by("waiting").textContent = `The service is busy. Trying again in ${seconds} ${seconds === 1 ? "second" : "seconds"}.`;
}

by("key-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  keepKey(by("key").value.trim());
  await start();
});

// Models

/** Learns which models there are; asks for a key if that needs one. */
async function start() {
  try {
    const listed = await (await ask(".", { onWait })).json();
    by("key-form").hidden = true;
    feedback.offered = listed.routes.includes("/feedback");
    models = listed.models.filter((model) => model.task === "classify" || isOfNumbers(model));
    if (!models.length) await ask("readyz"); // which says why there are none
    offerModels(listed.default);
    await read();
  } catch (error) {
    tell(error);
  }
}

function offerModels(chosen) {
  const option = ({ name }) => new Option(name, name);
  by("model").replaceChildren(...models.map(option));
  by("model").value = chosen;
  by("beside").replaceChildren(new Option("none", ""), ...models.filter((model) => !isOfNumbers(model)).map(option));
  showReaders();
}

/** Goes on with a model that reads numbers. */
function readNumber() {
  by("model").value = models.find(isOfNumbers)?.name ?? by("model").value;
  by("model").dispatchEvent(new Event("change"));
  by("model").focus();
}

function showReaders() {
  const chosen = models.find(({ name }) => name === by("model").value);
  if (chosen && isOfNumbers(chosen)) by("beside").value = ""; // there is nothing to compare
  by("beside").disabled = Boolean(chosen && isOfNumbers(chosen));
  const names = [...new Set([by("model").value, by("beside").value])].filter(Boolean);
  readers = names.map((name) => models.find((model) => model.name === name)).map((model) => isOfNumbers(model) ? new NumberReader(model) : new Reader(model, { onScrub: (row) => player.go(row), onSee: readNumber }));
  by("readers").replaceChildren(...readers.map(({ root }) => root));
  by("readers").classList.toggle("two", readers.length === 2);
  by("player").hidden = !readers.some(({ model }) => model.rows);
}

for (const id of ["model", "beside"]) {
  by(id).addEventListener("change", () => {
    showReaders();
    read();
  });
}

// Pictures

by("undo").addEventListener("click", () => board.undo());
by("clear").addEventListener("click", () => {
  board.clear();
  by("board").focus();
});
by("pen").addEventListener("input", () => (board.width = Number(by("pen").value)));
for (const [button, input] of [["choose", "file"], ["photograph", "camera"]]) {
  by(button).addEventListener("click", () => by(input).click());
  by(input).addEventListener("change", () => {
    take(by(input).files);
    by(input).value = ""; // so that the same file can be chosen again
  });
}
addEventListener("paste", (event) => take(event.clipboardData.files));
for (const kind of ["dragenter", "dragover", "dragleave", "drop"]) {
  addEventListener(kind, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    document.body.classList.toggle("dropping", kind === "dragenter" || kind === "dragover");
    if (kind === "drop") take(event.dataTransfer.files);
  });
}

function take([file]) {
  if (file) board.takeFile(file);
}

for (const { name, strokes } of SAMPLES) {
  const button = Object.assign(document.createElement("button"), { type: "button", title: `Read ${name}` });
  const canvas = Object.assign(document.createElement("canvas"), { width: 112, height: 112 });
  button.setAttribute("aria-label", `Sample: ${name}`);
  button.append(canvas);
  button.addEventListener("click", () => board.takeStrokes(strokes));
  by("samples").append(button);
  const context = canvas.getContext("2d");
  const draw = () => {
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, 112, 112);
    context.scale(112 / SIDE, 112 / SIDE);
    paint(context, strokes, getComputedStyle(canvas).color);
  };
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

// Commands

/** Shows how to ask the same with curl, and offers the picture that it sends. */
function offerCommands(file) {
  const name = file?.name ?? "digit.png";
  const [model] = readers.map((reader) => reader.model);
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const key = readKey() ? ' -H "Authorization: Bearer $ROWREADER_KEY"' : "";
  const curl = (options, path) => `curl ${options}-F image=@${/^[\w.-]+$/.test(name) ? name : quoted(name)}${key} ${quoted(new URL(path, location.href).href)}`;
  by("curl-predict").textContent = curl("", `${model ? route(model) : "predict"}${model ? `?model=${encodeURIComponent(model.name)}` : ""}`);
  by("curl-rows").textContent = model?.rows ? curl("-N ", address(model)) : "";
  by("command-rows").hidden = !model?.rows;
  const drawn = file && !board.file;
  by("save").hidden = !drawn;
  URL.revokeObjectURL(by("save").href);
  if (drawn) by("save").href = URL.createObjectURL(file);
}

for (const button of document.querySelectorAll("[data-copy]")) {
  button.addEventListener("click", async () => {
    const code = by(button.dataset.copy);
    getSelection().selectAllChildren(code);
    // Only pages of secure origins, localhost among them, have a clipboard.
    const copied = await (navigator.clipboard?.writeText(code.textContent).then(() => true, () => false) ?? document.execCommand("copy"));
    const label = button.querySelector("span");
    label.textContent = copied ? "Copied" : "Selected";
    say(copied ? "Copied" : "Selected; copy it with your keys");
    setTimeout(() => (label.textContent = "Copy"), 2000);
  });
}

offerCommands(null);
start();
