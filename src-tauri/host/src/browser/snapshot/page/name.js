// Accessible names (accname 1.2). The algorithm is recursive by nature; a page may nest deeper than the stack reaches,
// so each step is a generator and `run` keeps the stack.

/** Longer names are not printed, so there is no use in reading further. */
const NAME_MAX = 900;
const READ_MAX = 4000;
const FROM_MAX = 500;

const NAMELESS = new Set(
  ("caption code definition deletion emphasis generic insertion mark none paragraph strong subscript superscript term " +
    "time iframe").split(" "),
);
const FROM_CONTENT = new Set(
  ("button cell checkbox columnheader gridcell heading link menuitem menuitemcheckbox menuitemradio option radio row " +
    "rowheader switch tab tooltip treeitem").split(" "),
);
/** Widgets and page parts that speak for themselves: a name around them does not read through them. */
const OPAQUE = new Set(
  ("alertdialog application dialog grid iframe menu menubar radiogroup scrollbar tablist tabpanel toolbar tree " +
    "treegrid").split(" "),
);
/** @param {any} el @param {string} role */
const isOpaque = (el, role) => OPAQUE.has(role) || (role === "group" && explicitRole(el) === "group");
const RANGES = new Set("slider spinbutton scrollbar meter progressbar".split(" "));
const BUTTON_TYPES = new Set(["button", "submit", "reset"]);

/**
 * @typedef {{text: string, from: any[]}} Read text and the elements below the start that it came from
 * @typedef {{follow: boolean, hidden: boolean, inner: boolean, direct: boolean, memo: boolean}} Mode
 * follow: aria-labelledby counts; hidden: hidden content counts; inner: below the start; direct: named by an IDREF
 */
/** @type {Mode} */
const OWN = { follow: true, hidden: true, inner: false, direct: false, memo: false };
/** @type {Mode} */
const INNER = { follow: true, hidden: false, inner: true, direct: false, memo: true };
/** @type {Read} */
const NOTHING = { text: "", from: [] };

/** @param {Generator<any, any, any>} start */
const run = (start) => {
  const stack = [start];
  let value;
  let steps = 0;
  while (stack.length) {
    const step = stack[stack.length - 1].next(value);
    if (step.done) {
      stack.pop();
      value = step.value;
    } else if (stack.length > 20_000 || ((++steps & 63) === 0 && late())) {
      value = NOTHING;
    } else {
      stack.push(step.value);
      value = undefined;
    }
  }
  return value;
};

/** Elements whose text is being read: a name that leads back to itself ends there. */
let busy = new Set();

/** @param {any} el @param {string} role @returns {Read} its name and the descendants it came from */
const nameOf = (el, role) => {
  if (NAMELESS.has(role)) return NOTHING;
  let name = nameMemo.get(el);
  if (!name) {
    busy = new Set();
    const read = simpleText(el, role) ?? run(textOf(el, OWN));
    const text = normal(read.text);
    name = text.length > NAME_MAX ? NOTHING : { text: wellFormed(text), from: read.from };
    nameMemo.set(el, name);
  }
  return name;
};

const SIMPLE = new Set("a button h1 h2 h3 h4 h5 h6 td th span div li summary".split(" "));
/** Most names are one piece of text in a plain element; they need no algorithm.
 * @param {any} el @param {string} role @returns {Read|null} null when it takes more */
const simpleText = (el, role) => {
  if (!FROM_CONTENT.has(role) || !SIMPLE.has(tagOf(el))) return null;
  const child = firstChildOf(el);
  if (!child || nodeTypeOf(child) !== 3 || nextSiblingOf(child) || shadowRootOf(el)) return null;
  if (hasAttr(el, "aria-label") || hasAttr(el, "aria-labelledby") || hasAttr(el, "aria-owns")) return null;
  if (tagOf(el) === "button" && labelsOf(el).length) return null;
  if (pseudoText(el, "::before") || pseudoText(el, "::after") || !showsOwnText(el)) return null;
  const text = dataOf(child);
  return /\S/.test(text) ? { text: clip(text, READ_MAX), from: [] } : null;
};

/** @param {any} el @param {Mode} mode @returns {Generator<any, Read, Read>} */
function* textOf(el, mode) {
  if (busy.has(el) && !mode.direct) return NOTHING;
  if (mode.memo) {
    const known = textMemo.get(el);
    if (known) return known;
  }
  const entered = !busy.has(el);
  busy.add(el);
  const read = yield textSteps(el, mode);
  if (entered) busy.delete(el);
  if (mode.memo) textMemo.set(el, read);
  return read;
}

/** @param {any} el @param {Mode} mode @returns {Generator<any, Read, Read>} */
function* textSteps(el, mode) {
  if (!mode.hidden && hiddenForAria(el)) return NOTHING;
  const mark = (/** @type {Read} */ read) => {
    if (!mode.inner || !normal(read.text)) return read;
    return { text: read.text, from: read.from.length < FROM_MAX ? [el, ...read.from] : read.from };
  };
  if (mode.follow && hasAttr(el, "aria-labelledby")) {
    const read = yield textOfRefs(idRefs(el, "aria-labelledby"));
    if (normal(read.text)) return mark(read);
  }
  const role = roleOf(el);
  if (mode.inner) {
    const value = yield controlValue(el, role);
    if (value && normal(value.text)) return mark(value);
    // A control that holds nothing may still be called something, but what it is made of is not text.
    if (value && !hasAriaName(el)) return NOTHING;
  }
  const label = normal(attr(el, "aria-label") ?? "");
  if (label) return mark({ text: label, from: [] });
  if (explicitRole(el) !== "none" || resistsNone(el)) {
    const native = yield nativeName(el, mode);
    if (native && normal(native.text)) return mark(native);
    if (native && !FROM_CONTENT.has(role) && !mode.inner) return native;
  }
  if (mode.direct || FROM_CONTENT.has(role) || (mode.inner && !isOpaque(el, role))) {
    const content = yield contentOf(el, mode);
    if (normal(content.text)) return mark(content);
  }
  const title = attr(el, "title");
  if (title && (!mode.inner || FROM_CONTENT.has(role) || role === "img") && normal(title)) return mark({ text: title, from: [] });
  return NOTHING;
}

/** @param {any[]} targets @returns {Generator<any, Read, Read>} */
function* textOfRefs(targets) {
  const parts = [];
  let from = /** @type {any[]} */ ([]);
  for (const target of targets) {
    const hidden = hiddenForAria(target);
    const read = yield textOf(target, { follow: false, hidden, inner: true, direct: true, memo: false });
    const text = normal(read.text);
    if (text) parts.push(text);
    from = from.concat(read.from);
  }
  return { text: parts.join(" "), from };
}

/** Value of a control met inside the label or content of something else. @param {any} el @param {string} role
 * @returns {Generator<any, Read|null, Read>} */
function* controlValue(el, role) {
  if (role === "textbox" || role === "searchbox") return { text: ownValue(el) ?? textContentOf(el).slice(0, READ_MAX), from: [] };
  if (role === "combobox" || role === "listbox") {
    if (localNameOf(el) === "select") {
      const chosen = [...queryAll(el, "option")].filter((option) => option.selected).slice(0, 20);
      return { text: chosen.map((option) => normal(textContentOf(option))).join(" "), from: [] };
    }
    const value = ownValue(el);
    if (value !== null) return { text: value, from: [] };
    const chosen = [...queryAll(el, '[role="option"][aria-selected="true"]')].slice(0, 20);
    return yield textOfRefs(chosen);
  }
  if (RANGES.has(role)) {
    const value = attr(el, "aria-valuetext") ?? attr(el, "aria-valuenow") ?? ownValue(el) ?? attr(el, "value");
    return { text: value ?? "", from: [] };
  }
  return null;
}

/** @param {any} el @returns {string|null} what a text field holds; passwords stay in the page */
const ownValue = (el) => {
  if (el instanceof HTMLInputElement) {
    const type = inputType(el);
    if (type === "checkbox" || type === "radio" || type === "file" || type === "image" || type === "hidden") return null;
    const value = inputValue(el);
    return type === "password" && value ? "<secret>password</secret>" : clip(value, 10_000);
  }
  return el instanceof HTMLTextAreaElement ? clip(areaValue(el), 10_000) : null;
};

/** @param {any} el @returns {Generator<any, Read|null, Read>} text of the labels of a control */
function* labelText(el) {
  const labels = labelsOf(el);
  if (!labels.length) return null;
  const shown = { follow: true, hidden: false, inner: true, direct: true, memo: false };
  const parts = [];
  for (const label of labels) {
    const read = yield textOf(label, { ...shown, hidden: hiddenForAria(label) });
    const text = normal(read.text);
    if (text) parts.push(text);
  }
  return parts.length ? { text: parts.join(" "), from: [] } : null;
}

/** @param {any} el @param {(tag: string) => boolean} wanted @returns {any} first child element with such a tag */
const childByTag = (el, wanted) => {
  for (let at = firstChildOf(el); at; at = nextSiblingOf(at)) if (nodeTypeOf(at) === 1 && wanted(tagOf(at))) return at;
  return null;
};

/** Name the host language gives; null when it has nothing to say about this tag.
 * @param {any} el @param {Mode} mode @returns {Generator<any, Read|null, Read>} */
function* nativeName(el, mode) {
  const tag = tagOf(el);
  const given = (/** @type {(string|null|undefined)[]} */ ...texts) => ({
    text: texts.find((text) => text && normal(text)) ?? "",
    from: [],
  });
  const below = { follow: mode.follow, hidden: mode.hidden && mode.inner, inner: true, direct: true, memo: false };
  const title = attr(el, "title");
  switch (tag) {
    case "input": {
      const type = inputType(el);
      const labels = yield labelText(el);
      if (labels) return labels;
      if (BUTTON_TYPES.has(type)) {
        return given(attr(el, "value"), type === "submit" ? "Submit" : type === "reset" ? "Reset" : title);
      }
      if (type === "image") return given(attr(el, "alt"), title, "Submit");
      if (type === "file") return given("Choose File");
      return given(title, attr(el, "placeholder"));
    }
    case "textarea":
      return (yield labelText(el)) ?? given(title, attr(el, "placeholder"));
    case "select":
    case "meter":
    case "progress":
    case "output":
      return (yield labelText(el)) ?? given(title);
    case "button":
      return yield labelText(el);
    case "img":
    case "area":
      return given(attr(el, "alt"), title);
    case "option":
    case "optgroup":
      return given(attr(el, "label"));
    case "fieldset":
    case "figure":
    case "table": {
      const wanted = tag === "fieldset" ? "legend" : tag === "figure" ? "figcaption" : "caption";
      const child = childByTag(el, (name) => name === wanted);
      const read = child ? yield textOf(child, below) : NOTHING;
      if (normal(read.text)) return read;
      return given(tag === "table" ? attr(el, "summary") : null, title);
    }
    default: {
      if (namespaceOf(el) !== SVG) return null;
      const child = childByTag(el, (name) => name === "svg:title");
      if (child) return { text: textContentOf(child).slice(0, READ_MAX), from: [] };
      return tag === "svg:a" ? given(attr(el, "xlink:title")) : null;
    }
  }
}

/** @param {any} el @param {Mode} mode @returns {Generator<any, Read, Read>} text of everything inside */
function* contentOf(el, mode) {
  const inner = mode.inner && !mode.memo ? { ...mode, direct: false } : INNER;
  let text = pseudoText(el, "::before");
  let from = /** @type {any[]} */ ([]);
  const textShows = mode.hidden && mode.inner ? true : showsOwnText(el);
  const children = childrenOf(el).concat(hasAttr(el, "aria-owns") ? idRefs(el, "aria-owns") : []);
  for (const child of children) {
    if (text.length > READ_MAX) break;
    if (nodeTypeOf(child) === 3) {
      if (textShows) text += clip(dataOf(child), READ_MAX);
      continue;
    }
    const tag = tagOf(child);
    if (SKIPPED.has(tag)) continue;
    if (tag === "br") {
      text += " ";
      continue;
    }
    const read = yield textOf(child, inner);
    const display = read.text ? displayOf(child) : "";
    text += !display || display === "inline" || display === "contents" ? read.text : ` ${read.text} `;
    if (from.length < FROM_MAX && read.from.length) from = from.concat(read.from);
  }
  // Longer than any name: what is cut off here cannot be printed by whoever reads on.
  return { text: clip(text + pseudoText(el, "::after"), READ_MAX + 1), from };
}
