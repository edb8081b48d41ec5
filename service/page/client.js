// Asks the service: with the key of this tab, again when it is busy, and event by event.

const KEY = "rowreader-key"; // in sessionStorage, which ends with the tab
const MOST_TRIES = 5;

/** The key of this tab, or null. */
export const readKey = () => sessionStorage.getItem(KEY);
export const keepKey = (key) => sessionStorage.setItem(KEY, key);

/** A failure in the service's own words. */
export class ServiceError extends Error {
  constructor({ code, message, status }) {
    super(message);
    Object.assign(this, { code, status });
  }
}

/**
 * The answer to a request; `path` is relative to the page, which may stand behind a proxy's prefix.
 *
 * While the service is busy (429) this waits as long as it says and tries again; `onWait(seconds)`
 * is told before, and `onWait(0)` when it asks again. Throws a ServiceError for any other failure.
 */
export async function ask(path, { onWait = () => {}, signal, headers: given, ...options } = {}) {
  for (let tries = 1; ; tries += 1) {
    const key = readKey();
    const headers = { ...given, Accept: "application/json", ...(key && { Authorization: `Bearer ${key}` }) };
    const response = await send(path, { ...options, headers, signal });
    if (response.ok) return response;
    const error = await failure(response);
    if (error.status !== 429 || tries === MOST_TRIES) throw error;
    const seconds = Math.max(1, Number(response.headers.get("Retry-After")) || 1);
    onWait(seconds);
    await pause(seconds, signal);
    onWait(0);
  }
}

async function send(path, options) {
  try {
    return await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ServiceError({ code: "unreachable", status: 0, message: "The service does not answer; is it still running, and the network up?" });
  }
}

/** What is wrong: the one error body, or what a proxy before the service answered. */
export async function failure(response) {
  const text = await response.text();
  try {
    return new ServiceError(JSON.parse(text).error);
  } catch {
    return new ServiceError({ code: "unknown", status: response.status, message: `The answer is ${response.status} ${response.statusText}, and not the service's own.` });
  }
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("no longer wanted", "AbortError"));
    });
  });
}

/** The bytes that a text in base64 stands for. */
export const decodeBase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** The server-sent events of a response: `{ event, data }`, the data parsed from JSON. */
export async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += value.replaceAll("\r", "");
    for (let end = text.indexOf("\n\n"); end >= 0; end = text.indexOf("\n\n")) {
      const block = text.slice(0, end);
      text = text.slice(end + 2);
      const field = (name) => block.split("\n").filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trim()).join("\n");
      if (field("data")) yield { event: field("event"), data: JSON.parse(field("data")) };
    }
  }
}
