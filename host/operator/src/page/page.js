// Asks the operator what there is, every other second, and shows it; or says that it does not answer.

import { layout, objects } from "./layout.js";
import { draw, state } from "./draw.js";

const INTERVAL = 2000;
const PATIENCE = 8000;

const $ = (id) => document.getElementById(id);
let told = null;
let chosen = null;

/** An HTML element with children: text stays text. */
function html(tag, attributes, ...children) {
  const element = document.createElement(tag);
  Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
  element.append(...children);
  return element;
}

function rows(headings, lines) {
  const head = html("tr", {}, ...headings.map((heading) => html("th", { scope: "col" }, heading)));
  return [html("thead", {}, head), html("tbody", {}, ...lines.map((cells) => html("tr", {}, ...cells.map((cell) => html("td", {}, cell)))))];
}

function word(standing) {
  return html("span", { class: `tone ${standing.tone}` }, state(standing));
}

function showPlugins() {
  const lines = told.plugins.map((plugin) => [
    plugin.name, plugin.role, plugin.serves, plugin.version,
    html("code", { title: plugin.digest }, plugin.digest.slice(0, 19)), word(plugin.standing),
  ]);
  if (lines.length === 0) lines.push(["none is told of by an object"]);
  $("plugins").replaceChildren(...rows(["Name", "Role", "Serves", "Version", "Digest", "State"], lines));
}

function parts(list) {
  return html("ul", {}, ...list.map((part) => {
    const why = part.why ? [": ", html("span", { class: `tone ${part.tone}` }, part.why)] : [];
    const below = part.parts.length > 0 ? [parts(part.parts)] : [];
    return html("li", {}, `${part.kind} ${part.name}`, ...why, ...below);
  }));
}

function showDetails() {
  const object = objects(told).find((candidate) => candidate.key === chosen);
  $("details").hidden = !object;
  if (!object) return;
  const conditions = object.conditions.map((condition) => [condition.type, condition.status, condition.reason, condition.message]);
  const notes = [object.standing.message, object.outdated].filter(Boolean).map((note) => html("p", {}, note));
  const made = object.parts.length > 0 ? [html("h3", {}, "Made of it"), parts(object.parts)] : [];
  $("details").replaceChildren(
    html("h2", {}, `${object.kind} ${object.namespace}/${object.name} `, word(object.standing)), ...notes,
    html("div", { class: "wide" }, html("table", {}, ...rows(["Condition", "Status", "Reason", "Message"], conditions))), ...made,
  );
}

function alerts(texts) {
  const now = texts.join("\n");
  if ($("alerts").dataset.now !== now) {
    $("alerts").dataset.now = now;
    $("alerts").replaceChildren(...texts.map((text) => html("p", {}, text)));
  }
  document.body.classList.toggle("stale", texts.length > 0);
}

function show() {
  const all = objects(told);
  const ready = all.filter((object) => object.standing.tone === "good").length;
  draw($("picture"), layout(told), chosen);
  $("summary").textContent = all.length === 0 ? "There is no object of a kind that a plugin serves." : `${ready} of ${all.length} ready`;
  const role = told.leader ? "leader" : "standby: another replica writes";
  $("source").textContent = `${role} · ${told.version} · as of ${new Date(told.taken).toLocaleTimeString("en-GB")}`;
  alerts(told.warnings.map((warning) => `What is shown may be old: ${warning}.`));
  showPlugins();
  showDetails();
  document.body.dataset.state = "shown";
}

async function look() {
  try {
    const answer = await fetch("view.json", { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    if (!answer.ok) throw new Error(`it says ${answer.status}`);
    told = await answer.json();
    show();
  } catch (error) {
    const since = told ? `; this is what it said at ${new Date(told.taken).toLocaleTimeString("en-GB")}` : "";
    alerts([`The operator does not answer (${error.message})${since}.`]);
    document.body.dataset.state = "silent";
  }
  setTimeout(look, INTERVAL);
}

function choose(event) {
  const key = event.target.closest("[data-key]")?.dataset.key;
  if (!key || !told) return;
  event.preventDefault();
  chosen = chosen === key ? null : key;
  show();
}

$("picture").addEventListener("click", choose);
$("picture").addEventListener("keydown", (event) => {
  if (event.key === "Enter" || event.key === " ") choose(event);
});
look();
