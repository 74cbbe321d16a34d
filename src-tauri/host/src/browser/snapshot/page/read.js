// The page as clean HTML of few tags, for reading: its main content where there is one, else everything that shows.
// Tags and attributes are ours; what the page says is escaped, so nothing of it can become markup.

const READ_NODES = 100_000;
const READ_BYTES = 2_000_000;
/** Tags that are nested deeper leave only their text: what reads this goes down by recursion. */
const READ_DEPTH = 40;
const READ_BLOCKS = new Set(
  ("address article aside blockquote body center dd details dialog dir div dl dt fieldset figcaption figure footer form " +
    "header hgroup hr html legend main menu nav p search section summary").split(" "),
);
const READ_KEEP = new Map(
  Object.entries({
    h1: "h1", h2: "h2", h3: "h3", h4: "h4", h5: "h5", h6: "h6", p: "p", ul: "ul", menu: "ul", ol: "ol", li: "li",
    blockquote: "blockquote", strong: "strong", b: "strong", em: "em", i: "em", hr: "hr", br: "br", dt: "p", dd: "p",
    figcaption: "p", summary: "p", legend: "p",
  }),
);
const READ_CODE = new Set(["code", "kbd", "samp", "tt"]);
const READ_NEVER = new Set(
  ("style script noscript template svg canvas audio video object embed math map iframe frame select datalist textarea input " +
    "button progress meter").split(" "),
);
const READ_ASIDE = new Set(["navigation", "banner", "contentinfo", "search", "menu", "menubar", "toolbar", "tablist", "dialog", "alertdialog"]);
const UNLIKELY = /(^|[-_ ])(ad|ads|advert|banner|breadcrumbs?|comments?|cookie|footer|header|menu|nav|newsletter|pager|pagination|popup|promo|related|share|sharing|sidebar|social|sponsor|subscribe|toc|widget)([-_ ]|$)/i;
const LIKELY = /(^|[-_ ])(article|body|content|entry|main|markdown|page|post|story|text|blog)([-_ ]|$)/i;
const LINE_NUMBERS = /(^|[-_ ])(line-?numbers?|lineno|linenos|gutter|copy-?button)([-_ ]|$)/i;

/** @param {string} text */
const escapeHtml = (text) => wellFormed(text).replace(/[&<>"]/g, (c) => (c === "&" ? "&amp;" : c === "<" ? "&lt;" : c === ">" ? "&gt;" : "&quot;"));

/** @param {any} el @returns {string} */
const classAndId = (el) => `${clip(attr(el, "class") ?? "", 300)} ${clip(attr(el, "id") ?? "", 100)}`;

/** @param {any} el */
const shownToReaders = (el) => !inheritsHidden(el) && !styleHides(el);

/** Length of visible text below each element, and how much of it is in links; one walk for the whole page.
 * @typedef {{text: number, links: number, score: number}} Weight
 * @param {any} root @returns {Map<any, Weight>} */
const weigh = (root) => {
  const weights = new Map();
  /** @type {{el: any, inLink: boolean, up: Weight[]}[]} */
  const stack = [{ el: root, inLink: false, up: [] }];
  let spent = 0;
  while (stack.length && spent++ < READ_NODES && !late()) {
    const { el, inLink, up } = /** @type {any} */ (stack.pop());
    const own = { text: 0, links: 0, score: 0 };
    weights.set(el, own);
    // Deeper than this nobody's weight changes the choice.
    const chain = up.length < 200 ? [...up, own] : up;
    let direct = 0;
    for (const child of childrenOf(el)) {
      if (nodeTypeOf(child) === 3) {
        const length = normal(dataOf(child)).length;
        direct += length;
        for (const weight of chain) {
          weight.text += length;
          if (inLink) weight.links += length;
        }
      } else if (!READ_NEVER.has(tagOf(child)) && shownToReaders(child)) {
        stack.push({ el: child, inLink: inLink || tagOf(child) === "a", up: chain });
      }
    }
    if (direct >= 25 && !inLink) {
      const points = 1 + Math.min(3, direct / 100);
      for (let i = 1; i <= 3 && chain.length - 1 - i >= 0; i++) chain[chain.length - 1 - i].score += points / i;
    }
  }
  return weights;
};

/** @param {any[]} els @returns {any} the closest element that holds all of them */
const commonOf = (els) => {
  for (let at = parentOf(els[0]); at; at = parentOf(at)) if (els.every((el) => within(at, el))) return at;
  return els[0];
};

/** @param {any} body @param {Map<any, Weight>} weights @returns {any} the element that holds what the page is about,
 *  or null */
const mainContentOf = (body, weights) => {
  const whole = weights.get(body)?.text ?? 0;
  const textIn = (/** @type {any} */ el) => weights.get(el)?.text ?? 0;
  const named = [...weights.keys()];
  const mains = named.filter((el) => roleOf(el) === "main" && textIn(el) > 0);
  const main = mains.length === 1 && (textIn(mains[0]) >= 200 || textIn(mains[0]) >= whole * 0.25) ? mains[0] : null;
  const room = main ?? body;
  const articles = named.filter(
    (el) => (roleOf(el) === "article" || attr(el, "itemprop") === "articleBody") && within(room, el) && textIn(el) >= 100,
  );
  const outer = articles.filter((el) => !articles.some((other) => other !== el && within(other, el)));
  if (outer.length === 1 && textIn(outer[0]) >= textIn(room) * (main ? 0.6 : 0.4)) return outer[0];
  if (main) return main;
  if (outer.length > 1) {
    const common = commonOf(outer);
    if (outer.reduce((sum, el) => sum + textIn(el), 0) >= textIn(common) * 0.5) return common;
  }
  let best = null;
  let bestScore = 0;
  for (const [el, { text, links, score }] of weights) {
    if (el === body || !text) continue;
    const words = classAndId(el);
    const liking = (UNLIKELY.test(words) || READ_ASIDE.has(roleOf(el)) ? 0.2 : 1) * (LIKELY.test(words) ? 1.25 : 1);
    const value = score * liking * (1 - links / text);
    if (value > bestScore) [best, bestScore] = [el, value];
  }
  if (!best || textIn(best) < 250 || textIn(best) < whole * 0.25) return null;
  // Its neighbours may be the rest of the same text.
  for (let up = parentOf(best); up && up !== body; up = parentOf(up)) {
    const weight = weights.get(up);
    if (!weight || UNLIKELY.test(classAndId(up)) || weight.links > weight.text * 0.3 || weight.text > textIn(best) * 1.6) break;
    best = up;
  }
  return best;
};

/** @param {any} pre @returns {string} the code as it was written */
const codeText = (pre) => {
  let out = "";
  const stack = [pre];
  let spent = 0;
  while (stack.length && spent++ < READ_NODES && out.length < READ_BYTES) {
    const node = stack.pop();
    if (typeof node === "string") {
      if (out && !out.endsWith("\n")) out += "\n";
      continue;
    }
    if (nodeTypeOf(node) === 3) {
      out += dataOf(node);
      continue;
    }
    const tag = tagOf(node);
    if (tag === "br") out += "\n";
    if (READ_NEVER.has(tag) || (node !== pre && (LINE_NUMBERS.test(classAndId(node)) || !shownToReaders(node)))) continue;
    const block = node !== pre && (tag === "div" || tag === "tr" || tag === "li" || tag === "p");
    if (block) stack.push("line");
    const kids = childrenOf(node);
    for (let i = kids.length - 1; i >= 0; i--) stack.push(kids[i]);
    if (block) stack.push("line");
  }
  return out.replace(/^\n/, "").trimEnd();
};

/** @param {any} pre @returns {string} the name of its language, if it says one */
const codeLanguage = (pre) => {
  const near = [...queryAll(pre, "code"), pre, parentOf(pre), parentOf(parentOf(pre) ?? pre)].filter(Boolean).slice(0, 8);
  for (const el of near) {
    const data = attr(el, "data-lang") ?? attr(el, "data-language");
    const found = /(?:^|\s)(?:language-|lang-|highlight-source-|brush:\s*)([\w+#-]{1,20})/.exec(attr(el, "class") ?? "")?.[1] ?? data;
    if (found && /^[\w+#-]{1,20}$/.test(found)) return found;
  }
  return "";
};

/** @param {string|null} address @returns {string} whole and harmless, or nothing */
const wholeAddress = (address) => {
  if (!address || address.length > 4000) return "";
  try {
    const url = new URL(address, baseOf(document));
    return /^(https?|mailto|tel|ftp):$/.test(url.protocol) ? url.href : "";
  } catch {
    return "";
  }
};
const baseOf = getter(Node.prototype, "baseURI");

/** @type {any[]} the frames of the last reading, by the number in their placeholder */
let readFrames = [];

/**
 * @param {{root?: string|null, links?: boolean, whole?: boolean, frameToken?: string}} [options]
 * @returns {{ok: boolean, html: string, title: string, main: boolean, frames: number, truncated: string, error?: string}}
 */
const readable = ({ root = null, links = true, whole = false, frameToken = "" } = {}) => {
  const body = bodyOf(document) ?? rootElementOf(document);
  const answer = { ok: true, html: "", title: wellFormed(clip(titleOf(document), 500)), main: false, frames: 0, truncated: "" };
  readFrames = [];
  if (!body) return answer;
  if (root) {
    const found = resolve(root);
    if (!found.ok) return { ...answer, ...found };
  }
  const weights = root || whole ? new Map() : weigh(body);
  const main = root || whole ? null : mainContentOf(body, weights);
  const besides = (/** @type {any} */ el, /** @type {string} */ role) => {
    if (READ_ASIDE.has(role)) return true;
    const weight = weights.get(el);
    if (!weight || weight.text > (weights.get(main)?.text ?? 0) * 0.3) return false;
    return UNLIKELY.test(classAndId(el)) || (role === "complementary" && weight.links > weight.text * 0.5);
  };
  const start = root ? elementFor(root) : (main ?? body);
  answer.main = !!main;
  let out = "";
  let spent = 0;
  let depth = 0;
  let inLink = false;
  let tables = 0;
  /** Inside a cell, a link or a heading, which are one line of Markdown. */
  let oneLine = 0;
  /** @type {any[]} nodes to visit, and functions to call when what was pushed before them is done */
  const stack = [start];
  const wrap = (/** @type {any} */ el, /** @type {string} */ open, /** @type {string} */ close) => {
    const deep = depth >= READ_DEPTH;
    depth += 1;
    if (!deep) out += open;
    stack.push(() => {
      depth -= 1;
      if (!deep) out += close;
    });
    descend(el);
  };
  const line = (/** @type {any} */ el, /** @type {string} */ open, /** @type {string} */ close) => {
    oneLine += 1;
    stack.push(() => (oneLine -= 1));
    wrap(el, open, close);
  };
  const descend = (/** @type {any} */ el) => {
    const kids = childrenOf(el);
    for (let i = kids.length - 1; i >= 0; i--) stack.push(kids[i]);
  };
  while (stack.length) {
    if (spent++ > READ_NODES) answer.truncated = `the page has more than ${READ_NODES} nodes`;
    else if (out.length > READ_BYTES) answer.truncated = "the page has more than 2 MB of text";
    else if (late()) answer.truncated = "the page took longer than 10 s to read";
    const at = stack.pop();
    if (typeof at === "function") {
      at();
      continue;
    }
    // What is open is closed, nothing more is opened.
    if (answer.truncated) continue;
    if (nodeTypeOf(at) === 3) {
      out += escapeHtml(clip(collapse(dataOf(at)), 200_000));
      continue;
    }
    const tag = tagOf(at);
    if (at !== start && !shownToReaders(at)) continue;
    if ((tag === "iframe" || tag === "frame") && hasVisibleBox(at)) {
      // The token is the host's and new each time: no page can write it.
      out += `<p>${frameToken}${readFrames.length}</p>`;
      readFrames.push(at);
      continue;
    }
    if (tag === "img") {
      const alt = normal(attr(at, "alt") ?? "");
      const src = wholeAddress(attr(at, "src"));
      if (alt && links && src) out += `<img alt="${escapeHtml(clip(alt, 500))}" src="${escapeHtml(src)}">`;
      else if (alt) out += escapeHtml(clip(alt, 500));
      continue;
    }
    if (READ_NEVER.has(tag) && at !== start) {
      // Without main content everything that shows counts, labels of controls too.
      if (!main && (tag === "button" || (tag === "input" && BUTTON_TYPES.has(inputType(at))))) out += ` ${escapeHtml(clip(plainText(at), 500))} `;
      continue;
    }
    const role = roleOf(at);
    if (main && at !== start && besides(at, role)) continue;
    if (tag === "td" && LINE_NUMBERS.test(classAndId(at))) continue;
    const heading = role === "heading" ? Math.min(6, Math.max(1, Number(attr(at, "aria-level") ?? /^h([1-6])$/.exec(tag)?.[1] ?? 2) || 2)) : 0;
    if (heading && !oneLine) line(at, `<h${heading}>`, `</h${heading}>`);
    else if (tag === "pre") {
      const language = codeLanguage(at);
      const code = codeText(at);
      if (oneLine) out += `<code>${escapeHtml(code)}</code>`;
      else if (code) out += `<pre><code${language ? ` class="language-${language}"` : ""}>${escapeHtml(code)}</code></pre>`;
    } else if (READ_CODE.has(tag)) out += `<code>${escapeHtml(normal(textContentOf(at) ?? ""))}</code>`;
    else if (tag === "a") {
      const href = links ? wholeAddress(attr(at, "href")) : "";
      const says = href && (normal(textContentOf(at) ?? "") || queryAll(at, "img[alt]").length);
      if (says && !inLink) {
        inLink = true;
        stack.push(() => (inLink = false));
        line(at, `<a href="${escapeHtml(href)}">`, "</a>");
      }
      else descend(at);
    } else if (tag === "table" && role !== "none" && !oneLine) {
      if (isDataTable(at)) {
        tables += 1;
        stack.push(() => (tables -= 1));
        wrap(at, "<table>", "</table>");
      } else wrap(at, "<p></p>", "<p></p>");
    } else if (tag === "tr" && tables && !oneLine) wrap(at, "<tr>", "</tr>");
    else if ((tag === "td" || tag === "th") && tables && !oneLine) {
      line(at, `<${tag}>`, `</${tag}>`);
    } else if (oneLine && (READ_BLOCKS.has(tag) || READ_KEEP.has(tag)) && !/^(strong|b|em|i)$/.test(tag)) {
      out += " ";
      stack.push(() => (out += " "));
      if (tag === "li") out += "- ";
      descend(at);
    } else if (READ_KEEP.has(tag) && !heading) {
      const kept = READ_KEEP.get(tag);
      if (kept === "br" || kept === "hr") out += `<${kept}>`;
      else if (tag === "dt") wrap(at, "<p><strong>", "</strong></p>");
      else if (kept === "ol") wrap(at, `<ol start="${Number.parseInt(attr(at, "start") ?? "1", 10) || 1}">`, "</ol>");
      else wrap(at, `<${kept}>`, `</${kept}>`);
    } else if (READ_BLOCKS.has(tag) || /^(block|flex|grid|table|table-row|table-cell|table-caption|list-item|flow-root)$/.test(styleOf(at).display)) {
      // A break before and after; nesting would only make it deep.
      const gap = oneLine ? " " : "<p></p>";
      out += gap;
      stack.push(() => (out += gap));
      descend(at);
    } else descend(at);
  }
  answer.html = out;
  answer.frames = readFrames.length;
  return answer;
};

/** @param {any} table @returns {boolean} whether it holds data, and does not only lay things out */
const isDataTable = (table) => {
  if (queryAll(table, "table,pre").length) return false;
  return [...queryAll(table, "tr")].slice(0, 50).some((row) => queryAll(row, "td,th").length > 1);
};
