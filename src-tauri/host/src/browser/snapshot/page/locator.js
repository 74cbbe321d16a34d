// The simplest locator that finds one element again.

const TEST_ID = "data-testid";
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

/**
 * @typedef {{cost: number, code: string, test: (el: any) => boolean}} Candidate
 * @param {any} el @returns {Candidate[]} cheapest first
 */
const candidatesFor = (el) => {
  /** @type {Candidate[]} */
  const out = [];
  const add = (/** @type {number} */ cost, /** @type {string} */ code, /** @type {(el: any) => boolean} */ test) =>
    out.push({ cost, code, test });
  const role = roleOf(el);
  const tag = localNameOf(el);
  const testId = attr(el, TEST_ID);
  if (testId) add(1, `getByTestId(${js(testId)})`, (e) => attr(e, TEST_ID) === testId);
  for (const name of ["data-test-id", "data-test"]) {
    const value = attr(el, name);
    if (value) add(2, `locator(${js(`[${name}=${cssString(value)}]`)})`, (e) => attr(e, name) === value);
  }
  if (tag === "iframe" || tag === "frame") {
    for (const name of ["name", "title"]) {
      const value = attr(el, name);
      if (value) add(10, `locator(${js(`${tag}[${name}=${cssString(value)}]`)})`, (e) => localNameOf(e) === tag && attr(e, name) === value);
    }
  }
  const byText = (/** @type {number} */ cost, /** @type {string} */ call, /** @type {string} */ text, /** @type {(e: any, t: string, exact: boolean) => boolean} */ fit) => {
    if (!text || text.length > 200) return;
    for (const [part, less] of shorter(text)) {
      const extra = Math.min(10, Math.floor(part.length / 10)) - less;
      add(cost + extra, `${call}(${js(part)})`, (e) => fit(e, part, false));
    }
    add(cost + 5 + Math.min(10, Math.floor(text.length / 10)), `${call}(${js(text)}, { exact: true })`, (e) => fit(e, text, true));
  };
  if (role !== "none" && role !== "generic") {
    const { text: name } = nameOf(el, role);
    const named = (/** @type {any} */ e, /** @type {string} */ part, /** @type {boolean} */ exact) =>
      roleOf(e) === role && !hiddenForAria(e) && textFits(nameOf(e, role).text, part, exact);
    if (name && name.length <= 200) {
      for (const [part, less] of shorter(name)) {
        const extra = Math.min(10, Math.floor(part.length / 10)) - less;
        add(100 + extra, `getByRole(${js(role)}, { name: ${js(part)} })`, (e) => named(e, part, false));
      }
      add(105 + Math.min(10, Math.floor(name.length / 10)), `getByRole(${js(role)}, { name: ${js(name)}, exact: true })`, (e) => named(e, name, true));
    }
    add(510, `getByRole(${js(role)})`, (e) => roleOf(e) === role && !hiddenForAria(e));
  }
  const attrText = (/** @type {string} */ name) => (/** @type {any} */ e, /** @type {string} */ t, /** @type {boolean} */ exact) =>
    hasAttr(e, name) && textFits(normal(attr(e, name)), t, exact);
  byText(120, "getByPlaceholder", normal(attr(el, "placeholder") ?? ""), attrText("placeholder"));
  if (hasLabel(el)) {
    byText(140, "getByLabel", labelTextOf(el), (e, t, exact) => hasLabel(e) && textFits(labelTextOf(e), t, exact));
  }
  if (tag === "img" || tag === "area") byText(160, "getByAltText", normal(attr(el, "alt") ?? ""), attrText("alt"));
  const text = /^(select|input|textarea)$/.test(tag) ? "" : plainText(el);
  byText(180, "getByText", text, (e, t, exact) => smallestWith(e, (have) => textFits(have, t, exact)));
  byText(200, "getByTitle", normal(attr(el, "title") ?? ""), attrText("title"));
  const id = attr(el, "id");
  if (id && !/\d{4,}|[0-9a-f]{8}/i.test(id)) add(500, `locator(${js(`#${CSS.escape(id)}`)})`, (e) => attr(e, "id") === id);
  const field = attr(el, "name");
  if (field) add(520, `locator(${js(`${tag}[name=${cssString(field)}]`)})`, (e) => localNameOf(e) === tag && attr(e, "name") === field);
  const type = attr(el, "type");
  if (type) add(520, `locator(${js(`${tag}[type=${cssString(type)}]`)})`, (e) => localNameOf(e) === tag && attr(e, "type") === type);
  add(tag === "input" ? 521 : 530, `locator(${js(tag)})`, (e) => localNameOf(e) === tag);
  return out.sort((a, b) => a.cost - b.cost);
};

/** @param {string} text @returns {[string, number][]} the text and shorter forms of it, with what each saves */
const shorter = (text) => {
  /** @type {[string, number][]} */
  const out = text.length <= 80 ? [[text, 0]] : [];
  if (text.length > 30) {
    for (const [max, less] of [[80, 0], [30, 1]]) {
      if (text.length <= max) continue;
      const cut = text.slice(0, max + 1);
      const space = cut.lastIndexOf(" ");
      if (space > 0) out.push([cut.slice(0, space), less]);
    }
  }
  return out;
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

/** @param {any} start @returns {string} */
const locatorOf = (start) => {
  const el = widgetOf(start);
  const all = allElements(document);
  const found = (/** @type {Candidate} */ candidate) => {
    const hits = [];
    for (const e of all) if (candidate.test(e) && hits.push(e) > 20) break;
    return hits;
  };
  let spare = "";
  for (const candidate of candidatesFor(el)) {
    if (late()) break;
    const hits = found(candidate);
    if (hits.length === 1 && hits[0] === el) return candidate.code;
    const index = hits.indexOf(el);
    if (!spare && index >= 0 && index <= 5 && candidate.cost < 500) {
      spare = `${candidate.code}.${index === 0 ? "first()" : `nth(${index})`}`;
    }
  }
  return spare || `locator(${js(cssPath(el))})`;
};
