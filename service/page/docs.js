// The API document: Swagger UI over docs.json, with the key of this tab.

import { ask, keepKey, readKey } from "./client.js";

const by = (id) => document.getElementById(id);

// Swagger UI's own name for its dark colours.
const dark = matchMedia("(prefers-color-scheme: dark)");
const colour = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", colour);
colour();

/** Puts the key of this tab into a request that has none; requests go to this service only. */
function addKey(request) {
  const key = readKey();
  if (key) request.headers.Authorization ??= `Bearer ${key}`;
  return request;
}

async function show() {
  by("problem").hidden = true;
  try {
    const spec = await (await ask("docs.json")).json();
    by("key-form").hidden = true;
    SwaggerUIBundle({ spec, dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null, requestInterceptor: addKey });
  } catch (error) {
    by("key-form").hidden = error.status !== 401;
    by("problem").textContent = error.message;
    by("problem").hidden = error.status === 401 && !readKey();
  }
}

by("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  keepKey(by("key").value.trim());
  show();
});

show();
