// From places to SVG. What is already there is changed rather than made anew, so that bars move and the focus stays.

const NAMESPACE = "http://www.w3.org/2000/svg";
const SIGNS = { good: "●", busy: "◐", bad: "✕", unknown: "?" };
const LABEL = 76;
const NUMBER = 92;
const MOVED_FOR = 1500;

const known = new Map();
let touched = new Set();

/** An element with an id, made where it is not there yet. */
function put(parent, id, tag, attributes, text) {
  let element = known.get(id);
  if (!element) {
    element = document.createElementNS(NAMESPACE, tag);
    known.set(id, element);
  }
  if (element.parentNode !== parent) parent.append(element);
  for (const [name, value] of Object.entries(attributes)) {
    if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
  }
  if (text !== undefined && element.textContent !== text) element.textContent = text;
  touched.add(id);
  return element;
}

/** Removes what this drawing did not mention. */
function sweep() {
  for (const [id, element] of known) {
    if (!touched.has(id)) {
      element.remove();
      known.delete(id);
    }
  }
  touched = new Set();
}

export function state(standing) {
  const reason = standing.reason && standing.reason !== standing.word ? `: ${standing.reason}` : "";
  return `${SIGNS[standing.tone]} ${standing.word}${reason}`;
}

/** What a screen reader says of an object. */
function spoken(object) {
  const cells = [...object.heads, ...object.facts].map((cell) => `${cell.name} ${cell.value ?? "not measured"}`);
  const sources = object.fedBy.map((source) => `reads from ${source.key.split("/").slice(1).join("/")}`);
  const conditions = object.conditions.map((condition) => `${condition.type} ${condition.status}`);
  return [`${object.kind} ${object.namespace}/${object.name}, ${object.standing.word}`, ...cells, ...sources, ...conditions].join(", ");
}

function shorten(text, width, glyph) {
  const room = Math.floor(width / glyph);
  return text.length > room ? `${text.slice(0, Math.max(1, room - 1))}…` : text;
}

/** Lines of facts (`label value`) or of conditions (`mark word`). */
function lines(parent, id, rows, x, y, step) {
  rows.forEach((row, index) => {
    const text = put(parent, `${id}/${index}`, "text", { x, y: y + index * step });
    row.forEach((part, place) => {
      const at = `${id}/${index}/${place}`;
      const first = part.mark ?? part.label;
      const tone = part.mark === undefined ? "faint" : { True: "", False: "", Unknown: "unknown" }[part.status];
      put(text, `${at}/a`, "tspan", place > 0 ? { dx: 16, class: tone } : { class: tone }, first);
      put(text, `${at}/b`, "tspan", { dx: 5, class: part.status === "False" ? "faint" : "" }, part.value);
    });
  });
  return y + rows.length * step;
}

/** A block's number, and how far it is among those of the group. */
function head(parent, id, cell, index, x, y, width, range) {
  const room = width - LABEL - NUMBER;
  const number = cell.value === null ? null : Number(cell.value);
  const share = number === null ? 0 : Math.max(0.015, (number - range.low) / (range.high - range.low));
  put(parent, `${id}/label`, "text", { x, y: y + 11, class: "faint" }, cell.name);
  put(parent, `${id}/track`, "rect", { x: x + LABEL, y: y + 3, width: room, height: 9, rx: 4.5, class: "track" });
  put(parent, `${id}/bar`, "rect", {
    x: x + LABEL, y: y + 3, width: room * Math.min(1, share), height: 9, rx: 4.5, class: `bar head-${index % 3}`,
  });
  const text = number === null ? "—" : number.toLocaleString("en-US");
  const before = known.get(`${id}/number`)?.textContent;
  const element = put(parent, `${id}/number`, "text", { x: x + width, y: y + 11, "text-anchor": "end" }, text);
  if (before !== undefined && before !== text) {
    element.classList.add("moved");
    setTimeout(() => element.classList.remove("moved"), MOVED_FOR);
  }
}

/** The frame of an object that can be chosen. */
function frame(parent, box, chosen, kind) {
  const { object } = box;
  const pressed = String(object.key === chosen);
  const node = put(parent, object.key, "g", {
    role: "button", tabindex: 0, "data-key": object.key, "aria-pressed": pressed, "aria-label": spoken(object),
  });
  put(node, `${object.key}/frame`, "rect", { x: box.x, y: box.y, width: box.width, height: box.height, rx: 11, class: kind });
  return node;
}

function drawCard(parent, box, range, chosen, sizes) {
  const { object } = box;
  const id = object.key;
  const node = frame(parent, box, chosen, "card");
  const x = box.x + sizes.pad;
  const width = box.width - 2 * sizes.pad;
  put(node, `${id}/edge`, "rect", { x: box.x, y: box.y + 11, width: 4, height: box.height - 22, rx: 2, class: object.standing.tone });
  put(node, `${id}/name`, "text", { x, y: box.y + 23, class: "name" }, shorten(object.name, width, 8.6));
  const word = shorten(state(object.standing), width - 110, 7.4);
  put(node, `${id}/kind`, "text", { x, y: box.y + 41, class: "faint" }, object.kind);
  put(node, `${id}/state`, "text", { x: x + width, y: box.y + 41, "text-anchor": "end", class: `state ${object.standing.tone}` }, word);
  let y = box.y + sizes.head + 4;
  object.heads.forEach((cell, index) => {
    head(node, `${id}/head/${cell.name}`, cell, index, x, y, width, range);
    y += sizes.bar;
  });
  y = lines(node, `${id}/facts`, box.lines, x, y + 15, sizes.line);
  lines(node, `${id}/words`, box.words, x, y, sizes.line);
}

function drawGroup(parent, group, chosen, sizes) {
  const { object } = group;
  const id = object.key;
  const node = frame(parent, group, chosen, "plate");
  const x = group.x + sizes.plate.pad;
  put(node, `${id}/name`, "text", { x, y: group.y + 28, class: "group" }, object.name);
  put(node, `${id}/kind`, "text", { x: x + object.name.length * 10.2 + 14, y: group.y + 28, class: "faint" }, `${object.kind} in ${object.namespace}`);
  put(node, `${id}/state`, "text", {
    x: group.x + group.width - sizes.plate.pad, y: group.y + 28, "text-anchor": "end", class: `state ${object.standing.tone}`,
  }, state(object.standing));
  const y = lines(node, `${id}/facts`, group.lines, x, group.y + sizes.plate.head + 12, sizes.card.line);
  lines(node, `${id}/words`, group.words, x, y, sizes.card.line);
}

/** Draws a layout; `chosen` is the key of the object whose details are shown. */
export function draw(svg, picture, chosen) {
  const size = { width: picture.width, height: picture.height, viewBox: `-1 0 ${picture.width} ${picture.height}` };
  Object.entries(size).forEach(([name, value]) => svg.setAttribute(name, value));
  const layers = ["groups", "arrows", "cards"].map((name) => put(svg, `layer ${name}`, "g", {}));
  picture.groups.forEach((group) => drawGroup(layers[0], group, chosen, picture));
  picture.arrows.forEach((arrow) => {
    const node = put(layers[1], arrow.id, "g", { "aria-hidden": "true" });
    const [x, y] = arrow.path.split(" ").slice(-2).map(Number);
    put(node, `${arrow.id}/line`, "path", { d: arrow.path, class: "flow" });
    put(node, `${arrow.id}/tip`, "path", { d: `M${x + 6} ${y}l-9 -5v10z`, class: "tip" });
  });
  for (const group of picture.groups) {
    group.cards.forEach((box) => drawCard(layers[2], box, group.range, chosen, picture.card));
  }
  sweep();
}
