// The walk: what counts as a node, its states and its ref, as a flat list in which parents come before children.

const SKIPPED = new Set(["style", "script", "noscript", "template", "svg:style", "svg:script"]);
const TEXT_MAX = 10_000;
const BYTES_MAX = 8 << 20;

const CHECKED = new Set("checkbox radio switch option treeitem menuitemcheckbox menuitemradio".split(" "));
const SELECTED = new Set("option tab row gridcell treeitem rowheader columnheader".split(" "));
const LEVELS = new Set("heading listitem row treeitem".split(" "));
const EXPANDED = new Set(
  ("application button checkbox columnheader combobox gridcell link listbox menuitem menuitemcheckbox menuitemradio row " +
    "rowheader switch tab treeitem").split(" "),
);
const DISABLED = new Set(
  ("application button checkbox columnheader combobox grid gridcell group link listbox menu menubar menuitem " +
    "menuitemcheckbox menuitemradio option radio radiogroup row rowheader scrollbar searchbox separator slider " +
    "spinbutton switch tab tablist textbox toolbar tree treegrid treeitem").split(" "),
);

/** @type {WeakMap<any, {ref: number, role: string, name: string, box: DOMRect|boolean}>} newest ref of an element, and
 * where it lay when it was seen last, so that an action can tell whether it has moved since */
const refs = new WeakMap();
/** @type {Map<number, WeakRef<any>>} */
const elements = new Map();
let lastRef = 0;
let sweepAt = 20_000;
/** @type {any[]} iframe elements of the last snapshot */
let frameElements = [];

/** @param {any} el @param {string} role @param {string} name @param {DOMRect|boolean} box @returns {number} */
const refFor = (el, role, name, box) => {
  const known = refs.get(el);
  if (known && known.role === role && known.name === name) {
    known.box = box;
    return known.ref;
  }
  if (known) elements.delete(known.ref);
  lastRef += 1;
  refs.set(el, { ref: lastRef, role, name, box });
  elements.set(lastRef, new WeakRef(el));
  return lastRef;
};

/** When the last walk ended, in ms of this document: no element's `box` is younger. */
let walkedAt = 0;

/** Pages that replace their content for hours must not grow this map for ever. */
const sweepRefs = () => {
  if (elements.size < sweepAt) return;
  for (const [ref, weak] of elements) if (!weak.deref()) elements.delete(ref);
  sweepAt = Math.max(20_000, elements.size * 2);
};

/** @param {any} el @returns {boolean} */
const disabledByAria = (el) => {
  const path = [];
  let result = false;
  for (let at = el; at; at = parentOf(at)) {
    const known = disabledMemo.get(at);
    if (known !== undefined) {
      result = known;
      break;
    }
    path.push(at);
    const value = attr(at, "aria-disabled");
    if (value === "true" || value === "false") {
      result = value === "true";
      break;
    }
  }
  for (const at of path) disabledMemo.set(at, result);
  return result;
};

/** @param {any} el @param {string} role @returns {boolean} */
const isDisabled = (el, role) => matches(el, ":disabled") || (DISABLED.has(role) && disabledByAria(el));

/** @param {string|null} value @returns {string} */
const tri = (value) => (value === "true" ? "true" : value === "mixed" ? "mixed" : "");

/** @param {any} el @param {string} role @returns {string} "", "true" or "mixed" */
const checkedState = (el, role) => {
  if (!CHECKED.has(role)) return "";
  if (el instanceof HTMLInputElement && (inputType(el) === "checkbox" || inputType(el) === "radio")) {
    return el.indeterminate && inputType(el) === "checkbox" ? "mixed" : el.checked ? "true" : "";
  }
  return tri(attr(el, "aria-checked"));
};

/** @param {any} el @param {string} role @param {any} active @returns {string[]} states in printing order */
const statesOf = (el, role, active) => {
  const out = [];
  const tag = localNameOf(el);
  const checked = checkedState(el, role);
  if (checked) out.push(checked === "mixed" ? "checked=mixed" : "checked");
  if (DISABLED.has(role) && isDisabled(el, role)) out.push("disabled");
  if (tag === "details" ? hasAttr(el, "open") : EXPANDED.has(role) && attr(el, "aria-expanded") === "true") out.push("expanded");
  if (el === active) out.push("active");
  const invalid = attr(el, "aria-invalid");
  if (invalid && invalid !== "false") out.push(invalid === "grammar" || invalid === "spelling" ? `invalid=${invalid}` : "invalid");
  if (LEVELS.has(role)) {
    const level = Number.parseInt(attr(el, "aria-level") ?? "", 10);
    const native = role === "heading" ? /^h([1-6])$/.exec(tag) : null;
    if (level >= 1) out.push(`level=${level}`);
    else if (native) out.push(`level=${native[1]}`);
    else if (role === "heading") out.push("level=2");
  }
  if (role === "button") {
    const pressed = tri(attr(el, "aria-pressed"));
    if (pressed) out.push(pressed === "mixed" ? "pressed=mixed" : "pressed");
  }
  if (SELECTED.has(role)) {
    if (el instanceof HTMLOptionElement ? el.selected : attr(el, "aria-selected") === "true") out.push("selected");
  }
  if (attr(el, "aria-hidden") === "true") out.push("aria-hidden");
  return out;
};

/** @returns {any} the focused element, through open shadow roots; null when the document has no focus */
const focusedElement = () => {
  if (!documentHasFocus(document)) return null;
  let at = activeElementOf(document);
  while (at && !late()) {
    const shadow = shadowRootOf(at);
    const inner = shadow && activeInShadow(shadow);
    if (!inner) break;
    at = inner;
  }
  return at;
};

/**
 * @typedef {{p?: number, t?: string, r?: string, n?: string, e?: number, s?: string[], u?: string, h?: string,
 *   c?: 1, k?: 1, b?: number[], f?: number, w?: number[]}} Entry
 * p parent index · t text · r role · n name · e ref · s states · u url · h placeholder · c pointer cursor ·
 * k editable content · b box · f frame index · w entries the name was made from
 */
class Walk {
  /** @param {boolean} boxes @param {number} maxNodes */
  constructor(boxes, maxNodes) {
    this.boxes = boxes;
    this.maxNodes = maxNodes;
    /** @type {Entry[]} */
    this.nodes = [];
    this.bytes = 0;
    this.truncated = "";
    this.seen = new Set();
    this.index = new Map();
    /** @type {[number, any[]][]} */
    this.sources = [];
    /** @type {Set<number>} parents that have text already: only there a blank can matter */
    this.worded = new Set();
    this.active = focusedElement();
  }

  /** @param {number} parent @param {string} raw */
  text(parent, raw) {
    const text = wellFormed(collapse(clip(raw, TEXT_MAX)));
    if (!text) return;
    const last = this.nodes[this.nodes.length - 1];
    const joins = last !== undefined && last.t !== undefined && (last.p ?? -1) === parent;
    if (text === " ") {
      if (!this.worded.has(parent) || (joins && last.t?.endsWith(" "))) return;
    } else this.worded.add(parent);
    this.bytes += text.length;
    if (joins) last.t += text;
    else this.nodes.push(parent < 0 ? { t: text } : { p: parent, t: text });
  }

  /** @param {any} el @param {number} parent @param {string} role @returns {number} index of the new node */
  node(el, parent, role) {
    const { text: name, from } = nameOf(el, role);
    const box = visibleBoxOf(el);
    /** @type {Entry} */
    const entry = parent < 0 ? { r: role } : { p: parent, r: role };
    const at = this.nodes.push(entry) - 1;
    if (name) entry.n = name;
    const style = styleOf(el);
    if (box !== false && (role === "iframe" || style.pointerEvents !== "none")) {
      entry.e = refFor(el, role, name, box);
      this.index.set(el, at);
      if (style.cursor === "pointer") entry.c = 1;
      if (hasAttr(el, "contenteditable") && isContentEditableOf(el)) entry.k = 1;
    }
    if (from.length) this.sources.push([at, from]);
    const states = statesOf(el, role, this.active);
    if (states.length) entry.s = states;
    if (role === "link") {
      const url = attr(el, "href") ?? attr(el, "xlink:href");
      if (url !== null) entry.u = wellFormed(clip(url, TEXT_MAX));
    } else if (role === "textbox") {
      const hint = attr(el, "placeholder") ?? attr(el, "aria-placeholder");
      if (hint && normal(hint) !== name) entry.h = wellFormed(clip(hint, TEXT_MAX));
    } else if (role === "iframe" && (localNameOf(el) === "iframe" || localNameOf(el) === "frame")) {
      entry.f = frameElements.push(el) - 1;
    }
    if (this.boxes) {
      const rect = rectOf(el);
      entry.b = [rect.x, rect.y, rect.width, rect.height].map(Math.round);
    }
    this.bytes += 24 + name.length + (entry.u?.length ?? 0) + (entry.h?.length ?? 0);
    return at;
  }

  /** Takes one element and puts its children on the stack. @param {any} el @param {number} parent @param {any[]} stack */
  element(el, parent, stack) {
    const tag = tagOf(el);
    if (SKIPPED.has(tag)) return;
    if (tag === "br" || tag === "wbr") {
      if (tag === "br" && !hiddenForAria(el)) this.text(parent, " ");
      return;
    }
    // An option or a slotted part cannot show inside it either.
    if (showsAs(el) === HIDDEN && displayOf(el) === "none") return;
    const counts = !hiddenForAria(el) || hasVisibleBox(el);
    let into = parent;
    if (counts) {
      const role = roleOf(el);
      const first = firstChildOf(el);
      const bare =
        role === "generic" && first && nodeTypeOf(first) === 3 && !nextSiblingOf(first) && !shadowRootOf(el) && displayOf(el) === "inline";
      if (role !== "none" && !(bare && el !== this.active)) into = this.node(el, parent, role);
    }
    const block = counts && into === parent && displayOf(el) !== "inline" && displayOf(el) !== "contents";
    if (block) this.text(parent, " ");
    if (tag === "iframe" || tag === "frame") return;
    if (counts && (tag === "input" || tag === "textarea")) {
      const value = ownValue(el);
      if (value !== null) this.text(into, value);
      return;
    }
    const children = childrenOf(el);
    if (hasAttr(el, "aria-owns")) children.push(...idRefs(el, "aria-owns"));
    const after = counts ? pseudoText(el, "::after") : "";
    if (block) stack.push(" ", into);
    if (after) stack.push(after, into);
    /** @type {boolean|null} asked only where there is text */
    let textShows = counts ? null : false;
    for (let i = children.length - 1; i >= 0; i--) {
      const child = children[i];
      if (nodeTypeOf(child) === 1) stack.push(child, into);
      else if (textShows ?? (textShows = showsOwnText(el))) stack.push(dataOf(child), into);
    }
    if (counts) this.text(into, pseudoText(el, "::before"));
  }

  /** @param {any} root */
  run(root) {
    const stack = [root, -1];
    let steps = 0;
    while (stack.length) {
      const parent = stack.pop();
      const item = stack.pop();
      if (this.nodes.length >= this.maxNodes) this.truncated = `stopped after ${this.maxNodes} nodes`;
      else if (this.bytes > BYTES_MAX) this.truncated = "stopped after 8 MiB";
      else if ((++steps & 63) === 0 && late()) this.truncated = "stopped after 10 seconds";
      if (this.truncated) break;
      if (typeof item === "string") this.text(parent, item);
      else if (!this.seen.has(item)) {
        this.seen.add(item);
        this.element(item, parent, stack);
      }
    }
    for (const [at, from] of this.sources) {
      const known = from.map((el) => this.index.get(el)).filter((index) => index !== undefined && index > at);
      if (known.length) this.nodes[at].w = known;
    }
  }
}

/**
 * @param {{root?: string|null, selector?: string|null, boxes?: boolean, maxNodes?: number}} [options]
 * @returns {any} the flat tree; `ready: false` while the document has no body
 */
const snapshot = (options = {}) => {
  fresh();
  sweepRefs();
  const target = options.root ?? options.selector;
  let root = bodyOf(document) ?? (contentTypeOf(document) === "text/html" ? null : rootElementOf(document));
  if (target) {
    const found = resolveAll(target);
    if (found.length !== 1) return { ...resolve(target), nodes: [], frames: 0, truncated: "" };
    root = found[0];
  }
  if (!root) return { ok: true, ready: false, nodes: [], frames: 0, truncated: "", title: "" };
  frameElements = [];
  const walk = new Walk(!!options.boxes, Math.min(options.maxNodes ?? 100_000, 100_000));
  walk.run(root);
  walkedAt = performance.now();
  const title = wellFormed(clip(titleOf(document), 10_000));
  return { ok: true, ready: true, nodes: walk.nodes, frames: frameElements.length, truncated: walk.truncated, title };
};
