// The simplest locator that finds one element again. Each way to name it has a cost; the cheapest that names
// nothing else wins.

/** The attribute that `getByTestId` reads; the client's option. */
let TEST_ID = "data-testid";
const TEST_IDS = ["data-testid", "data-test-id", "data-test"];
const NTH_COST = 10_000;
const NTH_MAX = 5;
const PATH_COST = 10_000_000;
const ANCESTORS = 30;
/** @param {string} text */
const js = (text) => `'${wellFormed(text).replace(/\\/g, "\\\\").replace(/'/g, "\\'").replace(/\n/g, "\\n").replace(/\r/g, "\\r")}'`;

/** @param {string} value */
const cssString = (value) => `"${value.replace(/["\\]/g, "\\$&").replace(/\n/g, "\\a ")}"`;

/** @param {any} el @returns {boolean} whether labels can name it */
const hasLabel = (el) =>
  hasAttr(el, "aria-label") || hasAttr(el, "aria-labelledby") ||
  /^(input|textarea|select|button|meter|progress|output)$/.test(localNameOf(el));

/** @param {any} el @returns {any} the widget a click on `el` is meant for */
const widgetOf = (el) => {
  if (/^(input|textarea|select)$/.test(localNameOf(el)) || isContentEditableOf(el)) return el;
  for (let at = el; at; at = parentOf(at)) {
    const widget = /^(button|select|input|a)$/.test(tagOf(at)) || /^(button|checkbox|radio|link)$/.test(explicitRole(at) ?? "");
    if (widget) return hasVisibleBox(at) ? at : el;
  }
  return el;
};

/** @param {string} have @param {string} want @param {boolean} exact */
const textFits = (have, want, exact) => (exact ? have === want : have.toLowerCase().includes(want.toLowerCase()));

/** @param {any} el @returns {string} */
const labelTextOf = (el) => {
  const aria = normal(attr(el, "aria-label") ?? "");
  if (aria) return aria;
  const refsOf = idRefs(el, "aria-labelledby");
  if (refsOf.length) return normal(refsOf.map(plainText).join(" "));
  return normal(labelsOf(el).map(plainText).join(" "));
};

/** @param {string} text cut at the end of a word @param {number} max */
const cutAtWord = (text, max) => {
  if (text.length <= max) return text;
  const cut = text.slice(0, max + 1);
  const space = cut.lastIndexOf(" ");
  return space > 0 ? cut.slice(0, space) : "";
};

/** @param {string} text @returns {[string, number][]} the text and shorter forms of it, with what each saves */
const shorter = (text) => {
  /** @type {[string, number][]} */
  const out = [];
  // Counters change: "Inbox 12" is named by its word.
  for (const counted of [/^[\d.,]+\s+(.+)$/, /^(.+?)\s+[\d.,]+$/]) {
    const rest = cutAtWord(counted.exec(text)?.[1] ?? "", 80);
    if (/[^\d\s.,]/.test(rest)) out.push([rest, rest.length <= 30 ? 2 : 1]);
  }
  if (text.length <= 30) out.push([text, 0]);
  else out.push([cutAtWord(text, 80), 0], [cutAtWord(text, 30), 1]);
  return out.filter(([part]) => part);
};

/** @param {string} id @returns {boolean} whether it looks made up by a program */
const isMadeUp = (id) => {
  let changes = 0;
  let before = "";
  for (const c of id) {
    const kind = /[a-z]/.test(c) ? "a" : /[A-Z]/.test(c) ? "A" : /\d/.test(c) ? "0" : "-";
    // A capital after a small letter begins a word of a name.
    if (kind !== "-" && before && before !== "-" && kind !== before && !(before === "A" && kind === "a")) changes += 1;
    before = kind;
  }
  return changes >= id.length / 4 || /[0-9a-f]{8}-[0-9a-f]{4}/i.test(id);
};

/** What is there to be named, for one call: by tag, by role, and what a token finds. */
class Census {
  constructor() {
    this.all = allElements(document);
    /** @type {Map<string, any[]>} */
    this.tags = new Map();
    /** @type {Map<string, any[]>|null} */
    this.roles = null;
    /** @type {Map<string, any[]>} */
    this.found = new Map();
    for (const el of this.all) push(this.tags, localNameOf(el), el);
  }
  /** @param {string} role @returns {any[]} */
  ofRole(role) {
    if (!this.roles) {
      this.roles = new Map();
      for (const el of this.all) push(this.roles, roleOf(el), el);
    }
    return (this.roles.get(role) ?? []).filter((el) => !hiddenForAria(el));
  }
  /** @param {Token} token @returns {any[]} */
  hits(token) {
    const key = token.css + token.code;
    let hits = this.found.get(key);
    if (!hits) this.found.set(key, (hits = token.find(this)));
    return hits;
  }
}

/** @param {Map<string, any[]>} map @param {string} key @param {any} value */
const push = (map, key, value) => {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
};

/**
 * @typedef {{cost: number, css: string, code: string, find: (census: Census) => any[]}} Token
 * css: what goes into `locator('...')`, empty for other calls; code: the call, or what follows the CSS
 * @param {any} el @returns {Token[]} cheapest first
 */
const tokensOf = (el) => {
  /** @type {Token[]} */
  const out = [];
  const add = (/** @type {number} */ cost, /** @type {string} */ code, /** @type {(census: Census) => any[]} */ find) =>
    out.push({ cost, css: "", code, find });
  const addCss = (/** @type {number} */ cost, /** @type {string} */ css, /** @type {(census: Census) => any[]} */ find, code = "") =>
    out.push({ cost, css, code, find });
  const role = roleOf(el);
  const tag = localNameOf(el);
  const cssTag = CSS.escape(tag);
  const ofTag = (/** @type {Census} */ census) => census.tags.get(tag) ?? [];
  const withAttr = (/** @type {string} */ name, /** @type {string} */ value) => (/** @type {Census} */ census) =>
    census.all.filter((e) => attr(e, name) === value);
  const testId = attr(el, TEST_ID);
  if (testId) add(1, `getByTestId(${js(testId)})`, withAttr(TEST_ID, testId));
  for (const name of TEST_IDS) {
    const value = name === TEST_ID ? null : attr(el, name);
    if (value) addCss(2, `[${name}=${cssString(value)}]`, withAttr(name, value));
  }
  if (tag === "iframe" || tag === "frame") {
    for (const name of ["name", "title"]) {
      const value = attr(el, name);
      if (value) addCss(10, `${tag}[${name}=${cssString(value)}]`, (census) => ofTag(census).filter((e) => attr(e, name) === value));
    }
  }
  const longer = (/** @type {string} */ text) => Math.min(10, Math.floor(text.length / 10));
  /** One call that takes a text: its shorter forms, then the exact one. */
  const byText = (/** @type {number} */ cost, /** @type {string} */ text, /** @type {(part: string, exact: boolean) => string} */ code, /** @type {(census: Census, part: string, exact: boolean) => any[]} */ find) => {
    if (!text) return;
    for (const [part, less] of shorter(text)) add(cost + longer(part) - less, code(part, false), (census) => find(census, part, false));
    if (text.length <= 200) add(cost + 5 + longer(text), code(text, true), (census) => find(census, text, true));
  };
  const call = (/** @type {string} */ name) => (/** @type {string} */ part, /** @type {boolean} */ exact) =>
    `${name}(${js(part)}${exact ? ", { exact: true }" : ""})`;
  const speaks = role !== "none" && role !== "generic" && role !== "iframe";
  if (speaks) {
    byText(
      100,
      nameOf(el, role).text,
      (part, exact) => `getByRole(${js(role)}, { name: ${js(part)}${exact ? ", exact: true" : ""} })`,
      (census, part, exact) => census.ofRole(role).filter((e) => textFits(nameOf(e, role).text, part, exact)),
    );
    add(510, `getByRole(${js(role)})`, (census) => census.ofRole(role));
  }
  const attrText = (/** @type {string} */ name) => (/** @type {Census} */ census, /** @type {string} */ part, /** @type {boolean} */ exact) =>
    census.all.filter((e) => hasAttr(e, name) && textFits(normal(attr(e, name)), part, exact));
  byText(120, normal(attr(el, "placeholder") ?? ""), call("getByPlaceholder"), attrText("placeholder"));
  if (hasLabel(el)) {
    byText(140, labelTextOf(el), call("getByLabel"), (census, part, exact) =>
      census.all.filter((e) => hasLabel(e) && textFits(labelTextOf(e), part, exact)));
  }
  if (tag === "img" || tag === "area" || tag === "input") byText(160, normal(attr(el, "alt") ?? ""), call("getByAltText"), attrText("alt"));
  const text = /^(select|input|textarea|html|body)$/.test(tag) ? "" : plainText(el);
  if (text.length < 2_000) {
    byText(180, text, call("getByText"), (_, part, exact) => withText([document], part, exact));
    const holds = (/** @type {any[]} */ list, /** @type {string} */ part, exact = false) => list.filter((e) => textFits(plainText(e), part, exact));
    for (const [part, less] of text ? shorter(text) : []) {
      const filter = `.filter({ hasText: ${js(part)} })`;
      const cost = 180 + longer(part) - less;
      if (speaks) add(cost, `getByRole(${js(role)})${filter}`, (census) => holds(census.ofRole(role), part));
      addCss(cost, cssTag, (census) => holds(ofTag(census), part), filter);
    }
    if (text && text.length <= 80) {
      const pattern = `.filter({ hasText: /^${text.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")}$/ })`;
      addCss(250 + longer(text), cssTag, (census) => holds(ofTag(census), text, true), pattern);
    }
  }
  byText(200, normal(attr(el, "title") ?? ""), call("getByTitle"), attrText("title"));
  const id = attr(el, "id");
  if (id && !isMadeUp(id)) addCss(500, `#${CSS.escape(id)}`, withAttr("id", id));
  for (const name of ["name", "type"]) {
    const value = attr(el, name);
    if (value) addCss(520, `${cssTag}[${name}=${cssString(value)}]`, (census) => ofTag(census).filter((e) => attr(e, name) === value));
  }
  addCss(tag === "input" ? 521 : 530, cssTag, ofTag);
  return out.sort((a, b) => a.cost - b.cost);
};

/** @param {any} el @returns {string} where it is, when nothing it says is its own */
const cssPath = (el) => {
  let path = "";
  let joint = "";
  for (let at = el, i = 0; at && i < 100; i++) {
    const parent = parentNodeOf(at);
    const inShadow = parent instanceof ShadowRoot;
    const id = attr(at, "id");
    const tag = CSS.escape(localNameOf(at));
    if (id && !inShadow && queryAll(document, `#${CSS.escape(id)}`).length === 1) return `#${CSS.escape(id)}${joint}${path}`;
    let nth = 1;
    let alone = true;
    for (let b = previousElementOf(at); b; b = previousElementOf(b)) if (localNameOf(b) === localNameOf(at)) nth += 1;
    for (let b = nextElementOf(at); b && alone; b = nextElementOf(b)) alone = localNameOf(b) !== localNameOf(at);
    path = `${nth === 1 && alone ? tag : `${tag}:nth-of-type(${nth})`}${joint}${path}`;
    if (tag === "body" || tag === "html") break;
    // A shadow boundary is no step of its own: only the descendant joint reaches across it everywhere.
    joint = inShadow ? " " : " > ";
    at = inShadow ? parent.host : parent && nodeTypeOf(parent) === 1 ? parent : null;
  }
  return path;
};

/** @param {Token|null} outer @param {Token} token @param {number} nth below 0 for none @returns {string} */
const codeOfTokens = (outer, token, nth) => {
  const last = nth < 0 ? "" : nth === 0 ? ".first()" : `.nth(${nth})`;
  const own = (/** @type {Token} */ { css, code }) => (css ? `locator(${js(css)})${code}` : code);
  // CSS after CSS is one selector.
  if (outer?.css && !outer.code && token.css) return `locator(${js(`${outer.css} ${token.css}`)})${token.code}${last}`;
  return `${outer ? `${own(outer)}.` : ""}${own(token)}${last}`;
};

/** @type {Census|null} */
let census = null;

/** @param {any} start @returns {string} */
const locatorOf = (start) => {
  const el = widgetOf(start);
  census ??= new Census();
  const here = census;
  /** @type {[Token, any[]][]} tokens that find it among others */
  const among = [];
  for (const token of tokensOf(el)) {
    if (late()) break;
    const hits = here.hits(token);
    if (hits.length === 1 && hits[0] === el) return codeOfTokens(null, token, -1);
    if (hits.includes(el)) among.push([token, hits]);
  }
  let best = { cost: PATH_COST, code: "" };
  const offer = (/** @type {number} */ cost, /** @type {Token|null} */ outer, /** @type {Token} */ token, /** @type {number} */ nth) => {
    if (cost < best.cost) best = { cost, code: codeOfTokens(outer, token, nth) };
  };
  for (const [token, hits] of among) {
    const nth = hits.indexOf(el);
    if (nth <= NTH_MAX) offer(token.cost * 2 + NTH_COST, null, token, nth);
  }
  let up = parentOf(el);
  for (let i = 0; up && i < ANCESTORS && !late(); i++, up = parentOf(up)) {
    const above = up;
    const outer = tokensOf(above).find((token) => {
      const hits = here.hits(token);
      return hits.length === 1 && hits[0] === above;
    });
    if (!outer) continue;
    for (const [token, hits] of among) {
      if (outer.cost * 2 + token.cost >= best.cost) continue;
      const inside = hits.filter((hit) => hit !== above && within(above, hit));
      if (inside.length === 1) offer(outer.cost * 2 + token.cost, outer, token, -1);
      else if (inside.indexOf(el) <= NTH_MAX) offer(outer.cost * 3 + token.cost * 2 + NTH_COST, outer, token, inside.indexOf(el));
    }
  }
  return best.code || `locator(${js(cssPath(el))})`;
};
