// Finding elements: refs, and CSS that reaches through open shadow roots with a few pseudo-classes of ours.

const REF = /^e\d+$/;
const OWN_PSEUDO = /^:(visible|has-text|text-is|text|nth-match)(?![-\w])/;
const OWN_INSIDE = /:(visible|has-text|text-is|text|nth-match)(?![-\w])/;
const NATIVE_LISTS = /^:(not|is|where|has)\(/;

class SelectorError extends Error {}

/** @param {any} start @returns {any[]} every element below, through open shadow roots, in tree order */
const allElements = (start) => {
  const out = [];
  let at = firstChildOf(start) ?? null;
  /** @type {any[]} */
  const back = [];
  const host = nodeTypeOf(start) === 1 ? shadowRootOf(start) : null;
  if (host) {
    back.push(at);
    at = firstChildOf(host);
  }
  while ((at || back.length) && out.length < 500_000) {
    if (!at) {
      at = back.pop();
      continue;
    }
    if (nodeTypeOf(at) !== 1) {
      at = nextSiblingOf(at);
      continue;
    }
    out.push(at);
    back.push(nextSiblingOf(at));
    const shadow = shadowRootOf(at);
    if (shadow) {
      back.push(firstChildOf(at));
      at = firstChildOf(shadow);
    } else at = firstChildOf(at);
  }
  return out;
};

/** Parent for matching: the host above its shadow root, slots left out. @param {any} el */
const outerOf = (el) => {
  const parent = parentNodeOf(el);
  if (!parent || nodeTypeOf(parent) === 1) return parent;
  return parent instanceof ShadowRoot ? parent.host : null;
};

/** Index just after the bracket or string that starts at `at`. @param {string} css @param {number} at */
const skipGroup = (css, at) => {
  const closers = [];
  for (let i = at; i < css.length; i++) {
    const c = css[i];
    if (c === "\\") i++;
    else if (c === '"' || c === "'") {
      for (i++; i < css.length && css[i] !== c; i++) if (css[i] === "\\") i++;
    } else if (c === "(" || c === "[") closers.push(c === "(" ? ")" : "]");
    else if (c === closers[closers.length - 1]) closers.pop();
    if (!closers.length) return i + 1;
  }
  throw new SelectorError("unexpected end of selector");
};

/** @param {string} quoted @returns {string} */
const unquote = (quoted) => {
  const text = quoted.trim();
  const mark = text[0];
  if ((mark !== '"' && mark !== "'") || text[text.length - 1] !== mark || text.length < 2) return text;
  return text.slice(1, -1).replace(/\\(.)/gs, "$1");
};

/**
 * @typedef {{css: string, own: {name: string, arg: string}[], joint: string}} Compound
 * joint: what stands before it, "" for the first
 */

/** @param {string} css @returns {Compound[][]} one list for each comma-separated selector */
const parseCss = (css) => {
  /** @type {Compound[][]} */
  const lists = [];
  /** @type {Compound[]} */
  let list = [];
  let now = /** @type {Compound} */ ({ css: "", own: [], joint: "" });
  const empty = () => !now.css && !now.own.length;
  const close = () => {
    if (empty()) throw new SelectorError("empty selector");
    list.push(now);
  };
  for (let i = 0; i < css.length; ) {
    const c = css[i];
    if (/[\s>+~]/.test(c)) {
      const run = /^[\s>+~]+/.exec(css.slice(i))?.[0] ?? c;
      i += run.length;
      const joint = run.trim();
      if (joint.length > 1) throw new SelectorError(`unexpected "${joint}"`);
      if (i >= css.length || css[i] === ",") {
        if (joint) throw new SelectorError(`unexpected "${joint}"`);
      } else if (!empty()) {
        close();
        now = { css: "", own: [], joint: joint || " " };
      } else if (joint) throw new SelectorError(`unexpected "${joint}"`);
    } else if (c === ",") {
      close();
      lists.push(list);
      list = [];
      now = { css: "", own: [], joint: "" };
      i++;
    } else if (c === "(" || c === "[" || c === '"' || c === "'") {
      const end = skipGroup(css, i);
      now.css += css.slice(i, end);
      i = end;
    } else if (c === "\\") {
      now.css += css.slice(i, i + 2);
      i += 2;
    } else {
      const own = c === ":" ? OWN_PSEUDO.exec(css.slice(i)) : null;
      const list = c === ":" ? NATIVE_LISTS.exec(css.slice(i)) : null;
      const end = list ? skipGroup(css, i + list[0].length - 1) : 0;
      if (list && OWN_INSIDE.test(css.slice(i, end))) {
        // The browser cannot answer for our classes, not even inside its own.
        now.own.push({ name: list[1], arg: css.slice(i + list[0].length, end - 1) });
        i = end;
      } else if (own) {
        i += own[0].length;
        let arg = "";
        if (css[i] === "(") {
          const end = skipGroup(css, i);
          arg = css.slice(i + 1, end - 1);
          i = end;
        } else if (own[1] !== "visible") throw new SelectorError(`:${own[1]} needs an argument`);
        now.own.push({ name: own[1], arg });
      } else {
        now.css += c;
        i++;
      }
    }
  }
  close();
  lists.push(list);
  return lists;
};

/** What has no text of its own to be found by. */
const UNREAD = new Set([...SKIPPED, "head", "iframe"]);
/** Longer texts are not read to their end. */
const TEXT_LIMIT = 1_000_000;
/** @type {Map<any, string>} text by element, for one call */
let plainTexts = new Map();

/** What a reader takes as the text of an element. @param {any} el @returns {string} */
const plainText = (el) => {
  const known = plainTexts.get(el);
  if (known !== undefined) return known;
  let text = "";
  if (el instanceof HTMLInputElement && BUTTON_TYPES.has(inputType(el))) text = inputValue(el);
  else {
    /** @type {any[]} */
    const stack = [el];
    let spent = 0;
    while (stack.length && spent++ < 200_000 && text.length < TEXT_LIMIT) {
      const node = stack.pop();
      if (nodeTypeOf(node) === 3) text += dataOf(node);
      else if (nodeTypeOf(node) === 1 && !UNREAD.has(tagOf(node))) {
        if (tagOf(node) === "br") text += " ";
        const shadow = shadowRootOf(node);
        const kids = [];
        for (let at = firstChildOf(node); at; at = nextSiblingOf(at)) kids.push(at);
        if (shadow) for (let at = firstChildOf(shadow); at; at = nextSiblingOf(at)) kids.push(at);
        for (let i = kids.length - 1; i >= 0; i--) stack.push(kids[i]);
      }
    }
  }
  text = normal(text);
  plainTexts.set(el, text);
  return text;
};

/** @param {any} el @param {(text: string) => boolean} test @returns {boolean} whether no element inside fits as well */
const smallestWith = (el, test) => {
  if (UNREAD.has(tagOf(el)) || !test(plainText(el))) return false;
  const parent = parentNodeOf(el);
  if (parent && nodeTypeOf(parent) === 1 && tagOf(parent) === "head") return false;
  for (const root of [el, shadowRootOf(el)]) {
    for (let at = root && firstChildOf(root); at; at = nextSiblingOf(at)) {
      if (nodeTypeOf(at) === 1 && !UNREAD.has(tagOf(at)) && test(plainText(at))) return false;
    }
  }
  return true;
};

/** @param {any} el @param {{name: string, arg: string}} own @returns {boolean} */
const fitsOwn = (el, { name, arg }) => {
  if (name === "visible") return hasVisibleBox(el);
  if (name === "is" || name === "where") return compileCss(arg)(el);
  if (name === "not") return !compileCss(arg)(el);
  if (name === "has") return hasBelow(el, arg);
  const wanted = normal(unquote(arg));
  const low = wanted.toLowerCase();
  switch (name) {
    case "has-text":
      return plainText(el).toLowerCase().includes(low);
    case "text":
      return smallestWith(el, (text) => text.toLowerCase().includes(low));
    case "text-is":
      return smallestWith(el, (text) => text === wanted);
    default: {
      const cut = arg.lastIndexOf(",");
      const nth = Number(arg.slice(cut + 1));
      if (cut < 0 || !Number.isInteger(nth) || nth < 1) throw new SelectorError(":nth-match needs a selector and a number");
      return allElements(document).filter(compileCss(arg.slice(0, cut)))[nth - 1] === el;
    }
  }
};

/** `:has(x)`, `:has(> x)`, `:has(+ x)`, `:has(~ x)` with classes of ours. @param {any} el @param {string} arg */
const hasBelow = (el, arg) => {
  const [, joint = "", rest = ""] = /^\s*([>+~]?)\s*(.*)$/s.exec(arg) ?? [];
  const test = compileCss(rest);
  if (joint === "+" || joint === "~") {
    for (let at = nextElementOf(el); at; at = nextElementOf(at)) {
      if (test(at)) return true;
      if (joint === "+") return false;
    }
    return false;
  }
  return joint === ">" ? partsOf(el).some(test) : allElements(el).some(test);
};

/** @param {any} el @param {Compound} part @returns {boolean} */
const fits = (el, part) => (!part.css || matches(el, part.css)) && part.own.every((own) => fitsOwn(el, own));

/** @param {any} el @param {Compound[]} list whose last part fits @returns {boolean} whether what stands before fits too */
const fitsBefore = (el, list) => {
  /** @type {[any, number][]} */
  const todo = [[el, list.length - 1]];
  for (let spent = 0; todo.length && spent < 100_000; spent++) {
    const [at, index] = /** @type {[any, number]} */ (todo.pop());
    if (index === 0) return true;
    const part = list[index - 1];
    switch (list[index].joint) {
      case ">": {
        const parent = outerOf(at);
        if (parent && fits(parent, part)) todo.push([parent, index - 1]);
        break;
      }
      case "+": {
        const before = previousElementOf(at);
        if (before && fits(before, part)) todo.push([before, index - 1]);
        break;
      }
      case "~":
        for (let b = previousElementOf(at); b; b = previousElementOf(b)) if (fits(b, part)) todo.push([b, index - 1]);
        break;
      default:
        for (let up = outerOf(at); up; up = outerOf(up)) if (fits(up, part)) todo.push([up, index - 1]);
    }
  }
  return false;
};

/** @type {Map<string, (el: any) => boolean>} */
const compiled = new Map();
/** @param {string} css @returns {(el: any) => boolean} */
const compileCss = (css) => {
  let test = compiled.get(css);
  if (!test) {
    if (compiled.size > 200) compiled.clear();
    compiled.set(css, (test = compileAnew(css)));
  }
  return test;
};
const compileAnew = (/** @type {string} */ css) => {
  const lists = parseCss(css.trim());
  for (const part of lists.flat()) {
    try {
      if (part.css) queryAllFragment(new DocumentFragment(), part.css);
    } catch {
      throw new SelectorError(`"${clip(part.css, 60)}" is no CSS; ${FORMS}`);
    }
  }
  return (/** @type {any} */ el) => lists.some((list) => fits(el, list[list.length - 1]) && fitsBefore(el, list));
};

/** @param {string} target ref or selector @returns {any[]} every element it means; throws on an invalid selector */
const resolveAll = (target) => {
  if (REF.test(target)) {
    const number = Number(target.slice(1));
    const el = elements.get(number)?.deref();
    return el && isConnectedOf(el) && refs.get(el)?.ref === number ? [el] : [];
  }
  return runSteps(parseTarget(target), [document]);
};

/**
 * @param {string} target @param {string} [testId] the attribute that `getByTestId` reads from now on
 * @returns {{ok: true, count: 1} | {ok: false, error: string, message?: string, owner?: string, rest?: string,
 *   locator?: string, matches: {describe: string, locator: string}[], total: number}}
 * error "frame": find `owner` here, then `rest` in the frame it is
 */
const resolve = (target, testId) => {
  fresh();
  if (testId) TEST_ID = testId;
  let found;
  let locator = "";
  try {
    const split = frameSplit(target);
    if (split) return { ok: false, error: "frame", ...split, matches: [], total: 0 };
    found = resolveAll(target);
    if (found.length > 1) locator = codeOf(parseTarget(target));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return { ok: false, error: "invalid_selector", message: clip(message, 500), matches: [], total: 0 };
  }
  if (found.length === 1) return { ok: true, count: 1 };
  if (!found.length) return { ok: false, error: REF.test(target) ? "unknown_ref" : "no_match", matches: [], total: 0 };
  const list = found.slice(0, 10).map((el) => ({ describe: describeElement(el), locator: locatorOf(el) }));
  return { ok: false, error: "strict", locator, matches: list, total: found.length };
};

/** @param {string|Element} target @returns {any} the one element, or null */
const elementFor = (target) => {
  if (typeof target !== "string") return target;
  try {
    const found = resolveAll(target);
    return found.length === 1 ? found[0] : null;
  } catch {
    return null;
  }
};
