// Locators as text: `getByRole('button', { name: 'x' })`, `text=x >> nth=0`, CSS. Parsed into steps, each of which turns
// a list of elements into another.

const FORMS =
  "use a ref like e5, CSS, text=, role=, xpath=, id=, data-testid=, getByRole, getByText, getByLabel, getByPlaceholder, " +
  "getByAltText, getByTitle, getByTestId, locator, frameLocator, first, last, nth, filter, contentFrame";

/**
 * @typedef {string|RegExp} Words
 * @typedef {{kind: string, value?: any, words?: Words, options?: any, at?: number, css?: string}} Step
 * at: where the text of the step ends in the target; css: as it was written
 */

/** @param {string} have @param {any} want @param {boolean} [exact] @returns {boolean} */
const wordsFit = (have, want, exact = false) => {
  if (want instanceof RegExp) {
    want.lastIndex = 0;
    return want.test(have);
  }
  return textFits(have, normal(String(want)), exact);
};

/** Reader for the small part of JavaScript that locators are written in. */
class Reader {
  /** @param {string} text @param {number} [at] @param {number} [depth] */
  constructor(text, at = 0, depth = 0) {
    this.text = text;
    this.at = at;
    this.depth = depth;
    if (depth > 8) throw new SelectorError("locator is nested too deeply");
  }
  space() {
    while (/\s/.test(this.text[this.at] ?? "")) this.at++;
  }
  /** @param {string} token */
  eat(token) {
    this.space();
    if (!this.text.startsWith(token, this.at)) return false;
    this.at += token.length;
    return true;
  }
  /** @param {string} token */
  expect(token) {
    if (!this.eat(token)) throw new SelectorError(`expected "${token}" at "${clip(this.text.slice(this.at), 20)}"; ${FORMS}`);
  }
  word() {
    this.space();
    const found = /^[A-Za-z_$][\w$]*/.exec(this.text.slice(this.at))?.[0] ?? "";
    this.at += found.length;
    return found;
  }
  string() {
    const mark = this.text[this.at++];
    let out = "";
    for (; this.at < this.text.length && this.text[this.at] !== mark; this.at++) {
      let c = this.text[this.at];
      if (c === "\\") {
        c = this.text[++this.at] ?? "";
        c = c === "n" ? "\n" : c === "t" ? "\t" : c === "r" ? "\r" : c;
      }
      out += c;
    }
    if (this.text[this.at++] !== mark) throw new SelectorError("string without end");
    return out;
  }
  regex() {
    const start = ++this.at;
    let inClass = false;
    for (; this.at < this.text.length && (inClass || this.text[this.at] !== "/"); this.at++) {
      if (this.text[this.at] === "\\") this.at++;
      else if (this.text[this.at] === "[") inClass = true;
      else if (this.text[this.at] === "]") inClass = false;
    }
    const source = this.text.slice(start, this.at++);
    const flags = /^[a-z]*/.exec(this.text.slice(this.at))?.[0] ?? "";
    this.at += flags.length;
    return new RegExp(source, flags.replace(/[gy]/g, ""));
  }
  /** @returns {any} */
  value() {
    this.space();
    const c = this.text[this.at] ?? "";
    if (c === "'" || c === '"' || c === "`") return this.string();
    if (c === "/") return this.regex();
    if (c === "{") return this.object();
    const number = /^-?\d+/.exec(this.text.slice(this.at))?.[0];
    if (number) {
      this.at += number.length;
      return Number(number);
    }
    const before = this.at;
    const word = this.word();
    if (word === "true" || word === "false") return word === "true";
    this.at = word === "page" && this.eat(".") ? this.at : before;
    const inner = new Reader(this.text, this.at, this.depth + 1);
    const steps = inner.chain();
    this.at = inner.at;
    return steps;
  }
  object() {
    this.expect("{");
    /** @type {Record<string, any>} */
    const out = Object.create(null);
    while (!this.eat("}")) {
      const key = this.word();
      this.expect(":");
      out[key] = this.value();
      if (!this.eat(",") && !/^\s*\}/.test(this.text.slice(this.at))) this.expect("}");
    }
    return out;
  }
  /** @returns {Step[]} */
  chain() {
    const steps = [];
    do {
      const name = this.word();
      this.expect("(");
      const args = [];
      while (!this.eat(")")) {
        args.push(this.value());
        if (!this.eat(",") && !/^\s*\)/.test(this.text.slice(this.at))) this.expect(")");
      }
      for (const step of stepsOfCall(name, args, this.depth)) steps.push({ ...step, at: this.at });
    } while (this.eat("."));
    return steps;
  }
}

const BY = new Map(
  Object.entries({
    getByText: "text", getByLabel: "label", getByPlaceholder: "placeholder", getByAltText: "alt", getByTitle: "title",
    getByTestId: "testid",
  }),
);

/** @param {string} name @param {any[]} args @param {number} depth @returns {Step[]} */
const stepsOfCall = (name, args, depth) => {
  const [first, options = {}] = args;
  const by = BY.get(name);
  if (by && (typeof first === "string" || first instanceof RegExp)) return [{ kind: by, words: first, options }];
  switch (name) {
    case "getByRole":
      if (typeof first === "string") return [{ kind: "role", value: first.toLowerCase(), options }];
      break;
    case "locator":
    case "frameLocator": {
      if (typeof first !== "string" && !Array.isArray(first)) break;
      const steps = typeof first === "string" ? parseTarget(first, depth + 1) : first;
      if (name === "frameLocator") return [...steps, { kind: "frame" }];
      return args.length > 1 ? [...steps, { kind: "filter", options }] : steps;
    }
    case "first":
      return [{ kind: "nth", value: 0 }];
    case "last":
      return [{ kind: "nth", value: -1 }];
    case "nth":
      if (typeof first === "number") return [{ kind: "nth", value: first }];
      break;
    case "filter":
      if (first && typeof first === "object") return [{ kind: "filter", options: first }];
      break;
    case "contentFrame":
      return [{ kind: "frame" }];
  }
  throw new SelectorError(`"${clip(name, 40)}" cannot be used like that; ${FORMS}`);
};

/** @param {string} text @returns {{words: Words, exact: boolean}} body of `text=`: quoted is exact, `/x/` a pattern */
const parseWords = (text) => {
  const body = text.trim();
  if (/^\/.*\/[a-z]*$/s.test(body)) return { words: new Reader(body).regex(), exact: false };
  if (/^(["']).*\1$/s.test(body) && body.length > 1) return { words: unquote(body), exact: true };
  return { words: body, exact: false };
};

/** @param {string} text like `button[name="x"i][checked]` @returns {Step} */
const parseRole = (text) => {
  const role = /^[a-zA-Z]+/.exec(text)?.[0];
  if (!role) throw new SelectorError("role= needs a role");
  /** @type {Record<string, any>} */
  const options = Object.create(null);
  for (let at = role.length; at < text.length; ) {
    if (text[at] !== "[") throw new SelectorError(`unexpected "${clip(text.slice(at), 20)}" after role`);
    const reader = new Reader(text, at + 1);
    const found = /^\s*[-\w]+/.exec(text.slice(at + 1))?.[0] ?? "";
    reader.at += found.length;
    const key = { "include-hidden": "includeHidden" }[found.trim()] ?? found.trim();
    options[key] = true;
    if (reader.eat("=")) {
      reader.space();
      const word = /^[\w-]+/.exec(text.slice(reader.at))?.[0];
      if (word && !/^(true|false|\d+)$/.test(word)) {
        options[key] = word;
        reader.at += word.length;
      } else options[key] = reader.value();
      const flag = /^\s*([is])\s*\]/.exec(text.slice(reader.at))?.[1];
      if (key === "name" && !(options[key] instanceof RegExp)) {
        options.exact = flag !== "i";
        if (flag) reader.eat(flag);
      }
    }
    reader.expect("]");
    at = reader.at;
  }
  return { kind: "role", value: role.toLowerCase(), options };
};

/** @param {string} text @param {number} [depth] @returns {Step[]} */
const parseTarget = (text, depth = 0) => {
  const body = text.trim();
  if (!body) throw new SelectorError("empty selector");
  if (/^(page\.)?(getBy[A-Z]\w*|locator|frameLocator)\(/.test(body)) {
    const reader = new Reader(body, body.startsWith("page.") ? 5 : 0, depth);
    const steps = reader.chain();
    reader.space();
    if (reader.at < body.length) throw new SelectorError(`unexpected "${clip(body.slice(reader.at), 20)}"; ${FORMS}`);
    return steps;
  }
  const steps = [];
  let end = 0;
  for (const part of splitChain(body)) {
    end += part.length;
    for (const step of parsePart(part.trim())) steps.push({ ...step, at: end });
    end += 2;
  }
  return steps;
};

/** @param {string} text @returns {string[]} parts between `>>`, quotes and brackets left whole */
const splitChain = (text) => {
  if (!text.includes(">>")) return [text];
  const parts = [];
  let start = 0;
  for (let i = 0; i < text.length; ) {
    if (text.startsWith(">>", i)) {
      parts.push(text.slice(start, i));
      i += 2;
      start = i;
    } else if (`"'([`.includes(text[i])) i = skipGroup(text, i);
    else i += 1;
  }
  parts.push(text.slice(start));
  return parts;
};

/** @param {string} part @returns {Step[]} */
const parsePart = (part) => {
  if (part.startsWith("//") || part.startsWith("(//") || part.startsWith("..")) return [{ kind: "xpath", value: part }];
  if (/^(["']).*\1$/s.test(part)) {
    const { words } = parseWords(part);
    return [{ kind: "text", words, options: { exact: true } }];
  }
  const [, engine = "", rest = ""] = /^([-\w]+)=(.*)$/s.exec(part) ?? [];
  switch (engine) {
    case "css":
      return [{ kind: "css", value: compileCss(rest), css: rest.trim() }];
    case "text": {
      const { words, exact } = parseWords(rest);
      return [{ kind: "text", words, options: { exact } }];
    }
    case "role":
      return [parseRole(rest.trim())];
    case "xpath":
      return [{ kind: "xpath", value: rest }];
    case "id":
    case "data-testid":
    case "data-test-id":
    case "data-test":
      return [{ kind: "attr", value: [engine, unquote(rest)] }];
    case "nth":
      if (/^-?\d+$/.test(rest.trim())) return [{ kind: "nth", value: Number(rest) }];
      break;
    case "visible":
      return [{ kind: "filter", options: { visible: rest.trim() !== "false" } }];
  }
  return [{ kind: "css", value: compileCss(part), css: part }];
};

/** Elements below with such a text, and no element in them that has it as well.
 * @param {any[]} scopes @param {any} words @param {boolean} exact @returns {any[]} in tree order */
const withText = (scopes, words, exact) => {
  const test = (/** @type {string} */ have) => wordsFit(have, words, exact);
  const some = words instanceof RegExp ? "" : normal(String(words)).toLowerCase();
  // A pattern may fit a part and not the whole; words that a part has, the whole has too.
  if (!some || scopes.length !== 1) return below(scopes).filter((el) => smallestWith(el, test));
  const out = [];
  const stack = nodeTypeOf(scopes[0]) === 1 ? partsOf(scopes[0]) : [rootElementOf(scopes[0])];
  while (stack.length && out.length < 100_000) {
    const el = stack.pop();
    if (!el || UNREAD.has(tagOf(el))) continue;
    const text = plainText(el);
    if (text.length < TEXT_LIMIT && !text.toLowerCase().includes(some)) continue;
    if (smallestWith(el, test)) out.push(el);
    stack.push(...partsOf(el));
  }
  return out;
};

/** @param {any} el @returns {any[]} its child elements, those of an open shadow root first, last one first */
const partsOf = (el) => {
  const out = [];
  for (const root of [shadowRootOf(el), el]) {
    for (let at = root && firstChildOf(root); at; at = nextSiblingOf(at)) if (nodeTypeOf(at) === 1) out.push(at);
  }
  return out.reverse();
};

/** @param {any[]} scopes @returns {any[]} elements below any of them, in tree order */
const below = (scopes) => {
  if (scopes.length === 1) return allElements(scopes[0]);
  const tops = new Set(scopes);
  const inside = new Set();
  return allElements(document).filter((el) => {
    const up = outerOf(el);
    const yes = up && (tops.has(up) || inside.has(up));
    if (yes) inside.add(el);
    return yes;
  });
};

/** @param {any[]} scopes @param {string} path @returns {any[]} */
const queryXpath = (scopes, path) => {
  const out = new Set();
  for (const scope of scopes) {
    const relative = nodeTypeOf(scope) === 9 || path.startsWith(".") ? path : path.replace(/^(\(*)\//, "$1./");
    const result = new XPathEvaluator().evaluate(relative, scope, null, XPathResult.ORDERED_NODE_ITERATOR_TYPE, null);
    for (let node = result.iterateNext(); node && out.size < 100_000; node = result.iterateNext()) {
      if (nodeTypeOf(node) === 1) out.add(node);
    }
  }
  return [...out];
};

/** @param {any} el @param {string} role @param {any} options @returns {boolean} */
const fitsRole = (el, role, options) => {
  if (roleOf(el) !== (role === "presentation" ? "none" : role === "image" ? "img" : role)) return false;
  if (!options.includeHidden && hiddenForAria(el)) return false;
  const states = statesOf(el, role, null);
  for (const key of ["checked", "disabled", "expanded", "pressed", "selected"]) {
    const want = options[key];
    if (want !== undefined && states.includes(want === "mixed" ? `${key}=mixed` : key) !== (want !== false)) return false;
  }
  if (options.level !== undefined && !states.includes(`level=${options.level}`)) return false;
  return options.name === undefined || wordsFit(nameOf(el, role).text, options.name, !!options.exact);
};

/** @param {any} el @param {any} options @returns {boolean} */
const fitsFilter = (el, { hasText, hasNotText, has, hasNot, visible }) =>
  (hasText === undefined || wordsFit(plainText(el), hasText)) &&
  (hasNotText === undefined || !wordsFit(plainText(el), hasNotText)) &&
  (has === undefined || runSteps(has, [el]).length > 0) &&
  (hasNot === undefined || !runSteps(hasNot, [el]).length) &&
  (visible === undefined || hasVisibleBox(el) === visible);

const ATTRIBUTES = new Map(Object.entries({ placeholder: "placeholder", alt: "alt", title: "title" }));

/** @param {Step[]} steps @param {any[]} scopes @returns {any[]} */
const runSteps = (steps, scopes) => {
  let found = scopes;
  for (const { kind, value, words, options = {} } of steps) {
    const exact = !!options.exact;
    switch (kind) {
      case "css":
        found = below(found).filter(value);
        break;
      case "xpath":
        found = queryXpath(found, value);
        break;
      case "attr":
        found = below(found).filter((el) => attr(el, value[0]) === value[1]);
        break;
      case "testid":
        found = below(found).filter((el) => hasAttr(el, TEST_ID) && (words instanceof RegExp ? wordsFit(attr(el, TEST_ID), words) : attr(el, TEST_ID) === words));
        break;
      case "role":
        found = below(found).filter((el) => fitsRole(el, value, options));
        break;
      case "text":
        found = withText(found, words, exact);
        break;
      case "label":
        found = below(found).filter((el) => hasLabel(el) && wordsFit(labelTextOf(el), words, exact));
        break;
      case "nth":
        found = found.slice(value, value === -1 ? undefined : value + 1);
        break;
      case "filter":
        found = found.filter((el) => fitsFilter(el, options));
        break;
      case "frame":
        throw new SelectorError("the locator goes on inside a frame");
      default: {
        const name = ATTRIBUTES.get(kind) ?? kind;
        found = below(found).filter((el) => hasAttr(el, name) && wordsFit(normal(attr(el, name)), words, exact));
      }
    }
    if (!found.length) break;
  }
  return found;
};

/** Where a locator enters a frame: what finds the frame, and what is to be found inside.
 * @param {string} target @returns {{owner: string, locator: string, rest: string}|null} */
const frameSplit = (target) => {
  const body = target.trim();
  if (!/contentFrame\(|frameLocator\(/.test(body)) return null;
  const steps = parseTarget(body);
  let index = steps.findIndex((step) => step.kind === "frame");
  if (index < 0) return null;
  const owner = steps.slice(0, index);
  // `frameLocator('x').first()` chooses among the frames, not in them.
  for (; steps[index + 1]?.kind === "nth"; index++) owner.push(steps[index + 1]);
  const code = codeOf(owner);
  return { owner: code, locator: code, rest: body.slice(steps[index].at ?? body.length).replace(/^\s*\.\s*/, "") };
};

/** @param {any} value @returns {string} */
const codeOfValue = (value) => {
  if (value instanceof RegExp) return String(value);
  if (Array.isArray(value)) return codeOf(value);
  return typeof value === "string" ? js(value) : String(value);
};

/** @param {any} options @returns {string} `, { name: 'x', exact: true }` */
const codeOfOptions = (options) => {
  const keys = Object.keys(options ?? {}).filter((key) => options[key] !== undefined && (key !== "exact" || options[key]));
  return keys.length ? `{ ${keys.map((key) => `${key}: ${codeOfValue(options[key])}`).join(", ")} }` : "";
};

const CALLS = new Map([...BY].map(([call, kind]) => [kind, call]));

/** @param {Step[]} steps @returns {string} the same as a locator in code */
const codeOf = (steps) =>
  steps
    .map(({ kind, value, words, options, css }) => {
      const more = codeOfOptions(options);
      const call = CALLS.get(kind);
      if (call) return `${call}(${codeOfValue(words)}${more && `, ${more}`})`;
      switch (kind) {
        case "role":
          return `getByRole(${js(value)}${more && `, ${more}`})`;
        case "xpath":
          return `locator(${js(value.startsWith("..") ? value : `xpath=${value}`)})`;
        case "attr":
          return value[0] === TEST_ID ? `getByTestId(${js(value[1])})` : `locator(${js(`${value[0]}=${value[1]}`)})`;
        case "nth":
          return value === 0 ? "first()" : value === -1 ? "last()" : `nth(${value})`;
        case "filter":
          return `filter(${more})`;
        case "frame":
          return "contentFrame()";
        default:
          return `locator(${js(css ?? "")})`;
      }
    })
    .join(".");
