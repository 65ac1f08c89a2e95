// Where everything stands: from what the operator told to boxes and arrows. Pure; pixels.

const CARD = { width: 344, head: 46, bar: 21, line: 18, pad: 14 };
const GAP = { column: 84, row: 22, group: 30 };
const PLATE = { head: 40, pad: 20, width: 720 };
// Of text at 12.5px, on the safe side.
const GLYPH = 7.1;

/** Conditions of the host; the word of the state says them already. */
const OWN = new Set(["Ready", "Reconciling", "Stalled", "Paused"]);
const MARKS = { True: "✓", False: "✗", Unknown: "?" };

/** All objects, each with what its kind says of it. */
export function objects(told) {
  return told.kinds.flatMap((kind) => kind.objects.map((object) => {
    const cells = kind.columns.map((column, index) => ({ ...column, value: object.cells[index] }));
    return {
      ...object,
      kind: kind.kind.split(".")[0],
      heads: cells.filter((cell) => cell.head),
      facts: cells.filter((cell) => !cell.head && !cell.wide),
    };
  }));
}

/** Texts on as few lines as the width allows. */
function wrap(texts, width) {
  const lines = [];
  let room = 0;
  for (const text of texts) {
    const size = (text.plain.length + 3) * GLYPH;
    if (lines.length === 0 || size > room) {
      lines.push([]);
      room = width;
    }
    lines[lines.length - 1].push(text);
    room -= size;
  }
  return lines;
}

function facts(object) {
  return object.facts.map((fact) => ({ label: fact.name, value: fact.value ?? "—", plain: `${fact.name} ${fact.value ?? "—"}` }));
}

function conditions(object) {
  const told = object.conditions.filter((condition) => !OWN.has(condition.type));
  return told.map((condition) => {
    const mark = MARKS[condition.status] ?? "?";
    return { mark, status: condition.status, value: condition.type, plain: `${mark} ${condition.type}` };
  });
}

function card(object) {
  const inner = CARD.width - 2 * CARD.pad;
  const lines = wrap(facts(object), inner);
  const words = wrap(conditions(object), inner);
  const height = CARD.head + object.heads.length * CARD.bar + (lines.length + words.length) * CARD.line + CARD.pad + 6;
  return { object, lines, words, width: CARD.width, height };
}

/** How many steps an object is away from those that read from nobody in the group. */
function depths(members) {
  const byKey = new Map(members.map((member) => [member.key, member]));
  const depth = new Map();
  const visit = (member, path) => {
    if (depth.has(member.key)) return depth.get(member.key);
    if (path.has(member.key)) return 0;
    const sources = member.fedBy.map((source) => byKey.get(source.key)).filter(Boolean);
    const deepest = sources.map((source) => visit(source, new Set([...path, member.key])) + 1);
    const found = Math.max(0, ...deepest);
    depth.set(member.key, found);
    return found;
  };
  members.forEach((member) => visit(member, new Set()));
  return depth;
}

/** The range of blocks that a group's bars show: the last few count, and not the millions before. */
function range(members) {
  const values = members.flatMap((member) => member.heads.map((head) => Number(head.value ?? NaN))).filter(Number.isFinite);
  if (values.length === 0) return { low: 0, high: 1 };
  const high = Math.max(...values);
  const span = Math.max(high - Math.min(...values), 10);
  return { low: Math.max(0, high - span * 1.25), high };
}

function group(root, members, top) {
  const depth = depths(members);
  const columns = [];
  for (const member of members) {
    (columns[depth.get(member.key)] ??= []).push(card(member));
  }
  const width = Math.max(PLATE.width, 2 * PLATE.pad + columns.length * (CARD.width + GAP.column) - GAP.column);
  const inner = wrap(facts(root), width - 2 * PLATE.pad);
  const words = wrap(conditions(root), width - 2 * PLATE.pad);
  const head = PLATE.head + (inner.length + words.length) * CARD.line + 14;
  const heights = columns.map((column) => column.reduce((sum, box) => sum + box.height + GAP.row, -GAP.row));
  const tallest = Math.max(0, ...heights);
  const cards = columns.flatMap((column, index) => {
    let y = top + head + (tallest - heights[index]) / 2;
    return column.map((box) => {
      const placed = { ...box, x: PLATE.pad + index * (CARD.width + GAP.column), y };
      y += box.height + GAP.row;
      return placed;
    });
  });
  const height = head + (tallest > 0 ? tallest + PLATE.pad : 0);
  return { object: root, lines: inner, words, x: 0, y: top, width, height, cards, range: range(members) };
}

function arrows(cards) {
  const byKey = new Map(cards.map((box) => [box.object.key, box]));
  return cards.flatMap((box) => {
    const sources = box.object.fedBy.map((source) => byKey.get(source.key)).filter((source) => source && source !== box);
    return sources.map((source) => {
      const from = { x: source.x + source.width, y: source.y + source.height / 2 };
      const to = { x: box.x - 7, y: box.y + box.height / 2 };
      const bend = Math.max(30, (to.x - from.x) / 2);
      const path = `M${from.x} ${from.y}C${from.x + bend} ${from.y} ${to.x - bend} ${to.y} ${to.x} ${to.y}`;
      return { id: `${source.object.key}>${box.object.key}`, path };
    });
  });
}

/** The whole picture. */
export function layout(told) {
  const all = objects(told);
  let top = 1;
  const groups = [];
  for (const root of all.filter((object) => object.belongsTo === null)) {
    const placed = group(root, all.filter((object) => object.belongsTo === root.key), top);
    groups.push(placed);
    top += placed.height + GAP.group;
  }
  const cards = groups.flatMap((placed) => placed.cards);
  const width = Math.max(PLATE.width, ...groups.map((placed) => placed.width)) + 2;
  return { groups, arrows: arrows(cards), width, height: Math.max(1, top - GAP.group + 1), card: CARD, plate: PLATE };
}
