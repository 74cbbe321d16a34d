// Access to the DOM that a page cannot bend, and what is cached during one call.
//
// The world is isolated, so prototypes are ours; but a form lets its fields shadow its own properties
// (`<input name="children">`), so everything is reached through functions taken from the prototypes.

/** @param {Function} fn @returns {any} the function with `this` as its first argument */
const uncurried = (fn) => Function.prototype.call.bind(fn);
/** @param {object} proto @param {string} key @returns {(self: any) => any} */
const getter = (proto, key) => {
  for (let owner = proto; owner; owner = Object.getPrototypeOf(owner)) {
    const found = Object.getOwnPropertyDescriptor(owner, key);
    if (found?.get) return uncurried(found.get);
  }
  return () => null;
};

const parentNodeOf = getter(Node.prototype, "parentNode");
const firstChildOf = getter(Node.prototype, "firstChild");
const nextSiblingOf = getter(Node.prototype, "nextSibling");
const nodeTypeOf = getter(Node.prototype, "nodeType");
const isConnectedOf = getter(Node.prototype, "isConnected");
const ownerDocumentOf = getter(Node.prototype, "ownerDocument");
const rootOf = uncurried(Node.prototype.getRootNode);
const containsNode = uncurried(Node.prototype.contains);
const textContentOf = getter(Node.prototype, "textContent");
const dataOf = getter(CharacterData.prototype, "data");
const localNameOf = getter(Element.prototype, "localName");
const namespaceOf = getter(Element.prototype, "namespaceURI");
const shadowRootOf = getter(Element.prototype, "shadowRoot");
const slotOfElement = getter(Element.prototype, "assignedSlot");
const slotOfText = getter(Text.prototype, "assignedSlot");
const previousElementOf = getter(Element.prototype, "previousElementSibling");
const nextElementOf = getter(Element.prototype, "nextElementSibling");
const attributeNames = uncurried(Element.prototype.getAttributeNames);
const attr = uncurried(Element.prototype.getAttribute);
const hasAttr = uncurried(Element.prototype.hasAttribute);
const matches = uncurried(Element.prototype.matches);
const closest = uncurried(Element.prototype.closest);
const queryAll = (/** @type {any} */ root, /** @type {string} */ css) =>
  (nodeTypeOf(root) === 1 ? queryAllElement : nodeTypeOf(root) === 9 ? queryAllDocument : queryAllFragment)(root, css);
const queryAllElement = uncurried(Element.prototype.querySelectorAll);
const queryAllDocument = uncurried(Document.prototype.querySelectorAll);
const queryAllFragment = uncurried(DocumentFragment.prototype.querySelectorAll);
const rectOf = uncurried(Element.prototype.getBoundingClientRect);
const rectsOf = uncurried(Element.prototype.getClientRects);
const checkVisible = uncurried(Element.prototype.checkVisibility);
const assignedNodesOf = uncurried(HTMLSlotElement.prototype.assignedNodes);
const activeElementOf = getter(Document.prototype, "activeElement");
const activeInShadow = getter(ShadowRoot.prototype, "activeElement");
const documentHasFocus = uncurried(Document.prototype.hasFocus);
const contentTypeOf = getter(Document.prototype, "contentType");
const rootElementOf = getter(Document.prototype, "documentElement");
const titleOf = getter(Document.prototype, "title");
const readyStateOf = getter(Document.prototype, "readyState");
const createElement = uncurried(Document.prototype.createElement);
const bodyOf = getter(Document.prototype, "body");
const sheetsOfDocument = getter(Document.prototype, "styleSheets");
const sheetsOfShadow = getter(ShadowRoot.prototype, "styleSheets");
const adoptedByDocument = getter(Document.prototype, "adoptedStyleSheets");
const adoptedByShadow = getter(ShadowRoot.prototype, "adoptedStyleSheets");
/** @param {any} root @returns {any[]} the style sheets of a document or shadow root */
const sheetsOf = (root) =>
  nodeTypeOf(root) === 9
    ? [...sheetsOfDocument(root), ...adoptedByDocument(root)]
    : [...sheetsOfShadow(root), ...adoptedByShadow(root)];
const inputType = getter(HTMLInputElement.prototype, "type");
const inputValue = getter(HTMLInputElement.prototype, "value");
const areaValue = getter(HTMLTextAreaElement.prototype, "value");
const editableOf = getter(HTMLElement.prototype, "isContentEditable");
/** @param {any} el @returns {boolean} */
const isContentEditableOf = (el) => el instanceof HTMLElement && editableOf(el);

const HTML = "http://www.w3.org/1999/xhtml";
const SVG = "http://www.w3.org/2000/svg";

/** @param {any} el @returns {string} lower-case tag, prefixed for foreign elements so that `svg:title` is not `title` */
const tagOf = (el) => {
  const space = namespaceOf(el);
  const name = localNameOf(el);
  if (space === HTML) return name;
  return space === SVG ? (name === "svg" ? "svg" : `svg:${name}`) : name === "math" ? "math" : `x:${name}`;
};

/** @param {string} text @returns {string} lone surrogates replaced: they cannot be carried as JSON text */
const wellFormed = (text) => (text.toWellFormed ? text.toWellFormed() : text);

/** Ends of a string that must not cut a surrogate pair in two.
 * @param {string} text @param {number} max */
const clip = (text, max) => {
  if (text.length <= max) return text;
  const last = text.charCodeAt(max - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? max - 1 : max);
};

const PLAIN = /^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/;
/** Collapses white space and keeps one space at each end: pieces of a run are joined later.
 * @param {string} text */
const collapse = (text) =>
  PLAIN.test(text) ? text : text.replace(/[\u200b\u00ad]/g, "").replace(/\s+/g, " ");
/** @param {string} text */
const normal = (text) => collapse(text).trim();

// Live for one call: layout cannot change while a synchronous call runs.
let styles = new Map();
let displays = new Map();
let showsMemo = new Map();
let inheritedMemo = new Map();
let contentsMemo = new Map();
let roleMemo = new Map();
let nameMemo = new Map();
let textMemo = new Map();
let disabledMemo = new Map();
/** @type {Map<any, Map<any, any[]>>} labels by root and control: `labels` of a control reads the whole tree each time */
let labelMemo = new Map();
let deadline = Infinity;

/** Forgets what was computed: between calls nothing here may keep elements alive. */
const forget = () => {
  styles = new Map();
  displays = new Map();
  showsMemo = new Map();
  pseudos.forget();
  inheritedMemo = new Map();
  contentsMemo = new Map();
  roleMemo = new Map();
  nameMemo = new Map();
  textMemo = new Map();
  disabledMemo = new Map();
  labelMemo = new Map();
  plainTexts = new Map();
  census = null;
  busy = new Set();
  deadline = Infinity;
};
/** Starts a call, and its clock. */
const fresh = () => {
  forget();
  deadline = performance.now() + 10_000;
};
const late = () => performance.now() > deadline;

/** @param {any} el @returns {CSSStyleDeclaration} */
const styleOf = (el) => {
  let style = styles.get(el);
  if (!style) styles.set(el, (style = getComputedStyle(el)));
  return style;
};

/** @param {any} el @returns {string} its computed display, read once: each reading asks the style engine anew */
const displayOf = (el) => {
  let display = displays.get(el);
  if (display === undefined) displays.set(el, (display = styleOf(el).display));
  return display;
};

/** Parent in the flat tree: slot before parent, host above its shadow root. @param {any} node @returns {any} */
const parentOf = (node) => {
  const slot = nodeTypeOf(node) === 1 ? slotOfElement(node) : nodeTypeOf(node) === 3 ? slotOfText(node) : null;
  if (slot) return slot;
  const parent = parentNodeOf(node);
  if (!parent) return null;
  if (nodeTypeOf(parent) === 1) return parent;
  return nodeTypeOf(parent) === 11 && parent instanceof ShadowRoot ? parent.host : null;
};

/** @param {any} ancestor @param {any} node @returns {boolean} whether `node` is `ancestor` or below it in the flat tree */
const within = (ancestor, node) => {
  for (let at = node; at; at = parentOf(at)) if (at === ancestor) return true;
  return false;
};

const byIdInDocument = uncurried(Document.prototype.getElementById);
const byIdInFragment = uncurried(DocumentFragment.prototype.getElementById);
/** @param {any} root @param {string} id @returns {any} */
const byId = (root, id) =>
  nodeTypeOf(root) === 9 ? byIdInDocument(root, id) : nodeTypeOf(root) === 11 ? byIdInFragment(root, id) : null;

/** @param {any} el @returns {any[]} elements an IDREF list names, in the same root */
const idRefs = (el, /** @type {string} */ name) => {
  const ids = attr(el, name);
  if (!ids) return [];
  const root = rootOf(el);
  const found = /** @type {any[]} */ ([]);
  for (const id of ids.split(/\s+/).slice(0, 100)) {
    if (!id) continue;
    const hit = byId(root, id);
    if (hit && !found.includes(hit)) found.push(hit);
  }
  return found;
};

const controlOfLabel = getter(HTMLLabelElement.prototype, "control");
/** @param {any} el @returns {any[]} the labels of a control, in tree order */
const labelsOf = (el) => {
  const root = rootOf(el);
  let known = labelMemo.get(root);
  if (!known) {
    known = new Map();
    for (const label of queryAll(root, "label")) {
      const control = label instanceof HTMLLabelElement ? controlOfLabel(label) : null;
      if (!control) continue;
      const list = known.get(control);
      if (list) list.push(label);
      else known.set(control, [label]);
    }
    labelMemo.set(root, known);
  }
  return known.get(el)?.slice(0, 20) ?? [];
};

/** Children in the order of the flat tree. @param {any} el @returns {any[]} */
const childrenOf = (el) => {
  const out = [];
  if (localNameOf(el) === "slot" && el instanceof HTMLSlotElement) {
    const assigned = assignedNodesOf(el);
    if (assigned.length) {
      out.push(...assigned.slice(0, 100_000));
      return out;
    }
  }
  for (let at = firstChildOf(el); at; at = nextSiblingOf(at)) {
    const type = nodeTypeOf(at);
    if (type === 1 ? !slotOfElement(at) : type === 3 && !slotOfText(at)) out.push(at);
  }
  const shadow = shadowRootOf(el);
  if (shadow) {
    pseudos.enter(shadow);
    for (let i = out.length - 1; i >= 0; i--) if (nodeTypeOf(out[i]) === 3) out.splice(i, 1);
    for (let at = firstChildOf(shadow); at; at = nextSiblingOf(at)) {
      const type = nodeTypeOf(at);
      if (type === 1 || type === 3) out.push(at);
    }
  }
  return out;
};

/** @param {any} el @param {boolean} above whether its parent is hidden so @returns {boolean} */
const hiddenBelow = (el, above) => {
  if (above || attr(el, "aria-hidden") === "true") return true;
  const parent = parentNodeOf(el);
  return !!parent && nodeTypeOf(parent) === 1 && shadowRootOf(parent) !== null && !slotOfElement(el);
};

/** Hidden by an `aria-hidden` above or by not being slotted; decided upwards with a memo, so each element once.
 * @param {any} el @returns {boolean} */
const inheritsHidden = (el) => {
  let result = inheritedMemo.get(el);
  if (result !== undefined) return result;
  const path = [el];
  let at = parentOf(el);
  // A walk comes from above: then the parent is known and the path is one step.
  for (; at && (result = inheritedMemo.get(at)) === undefined; at = parentOf(at)) path.push(at);
  result ??= false;
  for (let i = path.length - 1; i >= 0; i--) inheritedMemo.set(path[i], (result = hiddenBelow(path[i], result)));
  return result;
};

const HIDDEN = 0;
const BOXED = 1;
const CONTENTS = 2;
const VISIBILITY = { visibilityProperty: true };
/** What style makes of it for the accessibility tree: gone, there, or there without a box (display:contents).
 * @param {any} el @returns {0|1|2} */
const showsAs = (el) => {
  let shows = showsMemo.get(el);
  if (shows === undefined) showsMemo.set(el, (shows = checkVisible(el, VISIBILITY) ? BOXED : looksAs(el)));
  return shows;
};
const looksAs = (/** @type {any} */ el) => {
  const display = displayOf(el);
  if (display === "contents") return contentsShows(el) ? CONTENTS : HIDDEN;
  if (display === "none" || styleOf(el).visibility !== "visible") return HIDDEN;
  const tag = localNameOf(el);
  // A closed list draws no boxes for its options, though they are what the control offers.
  if ((tag === "option" || tag === "optgroup") && closest(el, "select,datalist")) {
    return tag === "option" && !closest(el, "select") ? HIDDEN : BOXED;
  }
  return HIDDEN;
};
/** @param {any} el @returns {boolean} whether style alone takes it out of the accessibility tree */
const styleHides = (el) => showsAs(el) === HIDDEN;

/** @param {any} el with display:contents @returns {boolean} whether anything in it shows */
const contentsShows = (el) => {
  const known = contentsMemo.get(el);
  if (known !== undefined) return known;
  /** @type {any[]} */
  const passed = [el];
  const todo = [el];
  let shows = false;
  for (let i = 0; i < todo.length && !shows; i++) {
    for (const node of childrenOf(todo[i])) {
      if (nodeTypeOf(node) === 3) shows = styleOf(todo[i]).visibility === "visible" && /\S/.test(dataOf(node));
      else if (displayOf(node) !== "contents") shows = !styleHides(node);
      else if (contentsMemo.get(node) === undefined) {
        todo.push(node);
        passed.push(node);
      } else shows = /** @type {boolean} */ (contentsMemo.get(node));
      if (shows) break;
    }
  }
  // What shows may lie in another one of them: each of those is looked at on its own.
  if (shows) contentsMemo.set(el, true);
  else for (const one of passed) contentsMemo.set(one, false);
  return shows;
};

/** @param {any} el @returns {boolean} */
const hiddenForAria = (el) => inheritsHidden(el) || styleHides(el);

/** @param {any} el @returns {DOMRect|boolean} the box with which it covers pixels; without one of its own whether its content does */
const visibleBoxOf = (el) => {
  const shows = showsAs(el);
  if (shows !== BOXED) return shows === CONTENTS;
  const rect = rectOf(el);
  return rect.width > 0 && rect.height > 0 ? rect : false;
};
/** @param {any} el @returns {boolean} whether it covers pixels */
const hasVisibleBox = (el) => visibleBoxOf(el) !== false;

/** Whether text right inside it is drawn, it being visible itself. @param {any} el */
const showsOwnText = (el) =>
  styleOf(el).contentVisibility !== "hidden" && !(localNameOf(el) === "details" && !hasAttr(el, "open"));

/** Asking an element for its pseudo elements costs as much as all else about it, and most have none. On a large page
 * the style sheets say which may have any. */
class Pseudos {
  constructor() {
    this.forget();
  }
  forget() {
    this.asked = 0;
    this.all = false;
    /** @type {Set<any>|null} null until the sheets were read */
    this.hosts = null;
    /** @type {any[]} roots whose sheets count */
    this.roots = [document];
    this.known = { "::before": new Map(), "::after": new Map() };
  }
  /** @param {any} root an open shadow root that was come upon */
  enter(root) {
    if (this.roots.includes(root)) return;
    // So many sheets are not worth reading.
    if (this.roots.length > 200) this.all = true;
    else this.roots.push(root);
    if (this.hosts) this.read(root);
  }
  /** @param {any} el @returns {boolean} */
  may(el) {
    if (this.all || ++this.asked < 500) return true;
    if (!this.hosts) {
      this.hosts = new Set();
      for (const root of this.roots) this.read(root);
    }
    return this.all || this.hosts.has(el);
  }
  /** @param {any} root */
  read(root) {
    /** @type {string[]} */
    const selectors = [];
    try {
      let left = 20_000;
      /** @type {[any, boolean][]} */
      const todo = sheetsOf(root).map((sheet) => [sheet.cssRules, false]);
      while (todo.length) {
        const [rules, nested] = /** @type {[any, boolean]} */ (todo.pop());
        for (const rule of rules) {
          if (left-- < 0) throw new Error("too many");
          const selector = rule.selectorText;
          if (rule.cssRules?.length) todo.push([rule.cssRules, nested || selector !== undefined]);
          if (rule.styleSheet) todo.push([rule.styleSheet.cssRules, false]);
          if (!selector || !/:(before|after)/i.test(selector) || /^("")?$/.test(rule.style.content)) continue;
          for (const part of splitList(selector)) {
            const host = part.replace(/::?(before|after)\s*$/i, "");
            if (host === part && !/:(before|after)/i.test(part)) continue;
            if (host === part || nested || /::|:host|&/.test(host)) throw new Error("not to be asked for");
            selectors.push(/^$|[\s>+~]$/.test(host) ? `${host}*` : host);
          }
        }
      }
      if (selectors.length) for (const el of queryAll(root, selectors.join(","))) this.hosts?.add(el);
    } catch {
      // A sheet of another site, or one that is too much: then every element is asked.
      this.all = true;
    }
  }
}
const pseudos = new Pseudos();

/** @param {string} selector @returns {string[]} its parts between commas, brackets left whole */
const splitList = (selector) => {
  const parts = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < selector.length; i++) {
    const c = selector[i];
    if (c === "(" || c === "[") depth++;
    else if (c === ")" || c === "]") depth--;
    else if (c === "," && depth === 0) {
      parts.push(selector.slice(start, i).trim());
      start = i + 1;
    }
  }
  parts.push(selector.slice(start).trim());
  return parts;
};

/** @param {any} el @param {"::before"|"::after"} which @returns {string} the text a pseudo element adds */
const pseudoText = (el, which) => {
  const known = pseudos.known[which].get(el);
  if (known !== undefined) return known;
  if (!pseudos.may(el)) return "";
  const text = readPseudo(el, which);
  pseudos.known[which].set(el, text);
  return text;
};

/** @param {any} el @param {"::before"|"::after"} which @returns {string} */
const readPseudo = (el, which) => {
  const style = getComputedStyle(el, which);
  const content = style.content;
  if (!content || content === "none" || content === "normal") return "";
  if (style.display === "none" || style.visibility !== "visible") return "";
  let text = "";
  let alternative = false;
  for (const part of content.matchAll(/"((?:[^"\\]|\\.)*)"|attr\(\s*([-\w]+)[^)]*\)|(\/)|[-\w]+\([^)]*\)|[-\w]+/gs)) {
    if (part[3]) {
      alternative = true;
      text = "";
    } else if (part[1] !== undefined) {
      text += part[1].replace(/\\([0-9a-fA-F]{1,6} ?|.)/gs, (_, code) =>
        /^[0-9a-fA-F]/.test(code) ? String.fromCodePoint(Math.min(parseInt(code, 16), 0x10ffff)) : code,
      );
    } else if (part[2]) text += attr(el, part[2]) ?? "";
  }
  return style.display === "inline" || alternative ? text : ` ${text} `;
};
