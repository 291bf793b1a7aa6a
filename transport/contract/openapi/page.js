"use strict";
// Everything shown is set as text, never as markup: what a document or an answer holds is no part of the page.
const make = (name, props = {}, ...children) => {
  const e = Object.assign(document.createElement(name), props);
  e.append(...children);
  return e;
};

// sample makes a value that a schema takes, to begin with.
const sample = (doc, schema, depth = 0) => {
  if (!schema || depth > 6) return null;
  if (schema.$ref) return sample(doc, doc.components.schemas[schema.$ref.split("/").pop()], depth + 1);
  if (schema.anyOf) return sample(doc, schema.anyOf[0], depth + 1);
  if (schema.enum) return schema.enum[0];
  switch (schema.type) {
    case "object": {
      const out = {};
      for (const [name, part] of Object.entries(schema.properties || {})) out[name] = sample(doc, part, depth + 1);
      return out;
    }
    case "array": return Array.from({length: schema.minItems || 0}, () => sample(doc, schema.items, depth + 1));
    case "integer": case "number": return 0;
    case "boolean": return false;
    case "string": return schema.format === "date-time" ? "2026-01-01T00:00:00Z" : "A".repeat(schema.minLength || 0);
  }
  return null;
};

const field = (parent, name, about, input) => {
  parent.append(make("label", {}, make("span", {textContent: name + (about ? " – " + about : "")}), input));
  return input;
};

// encode encodes one segment of a path, or several with slashes between.
const encode = (value, several) => several ? value.split("/").map(encodeURIComponent).join("/") : encodeURIComponent(value);

const show = (doc, path, verb, op) => {
  const box = make("details", {id: op.operationId}, make("summary", {}, make("b", {textContent: verb.toUpperCase()}), path));
  box.append(make("p", {textContent: op.summary || ""}));
  const inputs = [];
  for (const p of op.parameters || []) {
    const about = [p.in, p.required ? "required" : "", p.description || ""].filter(Boolean).join(", ");
    inputs.push([p, field(box, p.name, about, make("input", {name: p.name, autocomplete: "off"}))]);
  }
  let body;
  const media = op.requestBody && Object.keys(op.requestBody.content)[0];
  if (media) {
    const text = JSON.stringify(sample(doc, op.requestBody.content[media].schema), null, 2);
    body = field(box, "body", media, make("textarea", {name: "body", value: text, spellcheck: false}));
  }
  const answer = make("pre", {className: "answer"});
  const button = make("button", {type: "button", textContent: "Send"}), buttons = make("p", {}, button);
  const streams = "application/x-ndjson" in ((op.responses["200"] || {}).content || {});
  let last = new AbortController();
  button.onclick = () => {
    last.abort();
    last = new AbortController();
    send(path, verb, inputs, media, body, answer, streams, last.signal);
  };
  if (streams) buttons.append(make("button", {type: "button", className: "stop", textContent: "Stop", onclick: () => last.abort()}));
  box.append(buttons, answer);
  return box;
};

// kept is how much of an answer that goes on is shown: its end.
const kept = 1 << 16;

const send = async (path, verb, inputs, media, body, answer, streams, signal) => {
  const query = new URLSearchParams(), headers = {Accept: streams ? "application/x-ndjson" : "application/json, application/problem+json"};
  for (const [p, input] of inputs) {
    if (p.in === "path") path = path.replace("{" + p.name + "}", () => encode(input.value, (p.description || "").startsWith("several")));
    else if (input.value === "") continue;
    else if (p.in === "header") headers[p.name] = input.value;
    else query.append(p.name, input.value);
  }
  if (body) headers["Content-Type"] = media;
  answer.textContent = "…";
  try {
    const target = path + (query.size ? "?" + query : "");
    const r = await fetch(target, {method: verb.toUpperCase(), headers, body: body && body.value, redirect: "error", cache: "no-store", signal});
    const lines = [verb.toUpperCase() + " " + target, r.status + " " + r.statusText];
    for (const name of ["content-type", "location", "etag", "polywire-code"]) if (r.headers.get(name)) lines.push(name + ": " + r.headers.get(name));
    const head = lines.join("\n") + "\n\n";
    if (!streams || !r.ok) {
      answer.textContent = head + await r.text();
      return;
    }
    let text = "";
    for (const reader = r.body.pipeThrough(new TextDecoderStream()).getReader();;) {
      answer.textContent = head + text;
      const {done, value} = await reader.read();
      if (done) return;
      text = (text + value).replace(/\n{2,}/g, "\n").slice(-kept);
    }
  } catch (e) {
    if (signal.aborted) return;
    answer.textContent = "no answer: " + e.message;
  }
};

(async () => {
  const about = document.getElementById("about");
  try {
    const r = await fetch("openapi.json");
    if (!r.ok) throw new Error("status " + r.status);
    const doc = await r.json();
    document.title = document.getElementById("title").textContent = doc.info.title;
    about.replaceChildren("From ", make("a", {href: "openapi.json", textContent: "openapi.json"}), ". What is sent is done.");
    const all = document.getElementById("operations");
    for (const [path, item] of Object.entries(doc.paths))
      for (const [verb, op] of Object.entries(item)) all.append(show(doc, path, verb, op));
    document.body.dataset.ready = "yes";
  } catch (e) {
    about.textContent = "openapi.json cannot be read: " + e.message;
  }
})();
