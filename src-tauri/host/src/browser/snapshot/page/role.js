// Roles: the first valid token of `role`, else what the tag means (HTML-AAM), else generic.

const ROLES = new Set(
  ("alert alertdialog application article banner blockquote button caption cell checkbox code columnheader combobox " +
    "complementary contentinfo definition deletion dialog directory document emphasis feed figure form generic grid " +
    "gridcell group heading img insertion link list listbox listitem log main mark marquee math menu menubar menuitem " +
    "menuitemcheckbox menuitemradio meter navigation none note option paragraph presentation progressbar radio " +
    "radiogroup region row rowgroup rowheader scrollbar search searchbox separator slider spinbutton status strong " +
    "subscript superscript switch tab table tablist tabpanel term textbox time timer toolbar tooltip tree treegrid " +
    "treeitem").split(" "),
);
const GLOBAL_ARIA =
  "atomic braillelabel brailleroledescription busy controls current describedby description details dropeffect flowto grabbed keyshortcuts label labelledby live owns relevant roledescription"
    .split(" ")
    .map((name) => `aria-${name}`);
const TAG_ROLES = new Map(
  Object.entries({
    address: "group", article: "article", aside: "complementary", blockquote: "blockquote", button: "button",
    caption: "caption", code: "code", datalist: "listbox", dd: "definition", del: "deletion", details: "group",
    dfn: "term", dialog: "dialog", dt: "term", em: "emphasis", fieldset: "group", figcaption: "caption",
    figure: "figure", h1: "heading", h2: "heading", h3: "heading", h4: "heading", h5: "heading", h6: "heading",
    hgroup: "group", hr: "separator", html: "document", iframe: "iframe", frame: "iframe", ins: "insertion",
    li: "listitem", main: "main", mark: "mark", math: "math", menu: "list", meter: "meter", nav: "navigation",
    ol: "list", optgroup: "group", option: "option", output: "status", p: "paragraph", progress: "progressbar",
    s: "deletion", search: "search", strong: "strong", sub: "subscript", sup: "superscript", svg: "img",
    table: "table", tbody: "rowgroup", textarea: "textbox", tfoot: "rowgroup", thead: "rowgroup", time: "time",
    tr: "row", ul: "list",
  }),
);
const INPUT_ROLES = new Map(
  Object.entries({
    button: "button", submit: "button", reset: "button", image: "button", file: "button", checkbox: "checkbox",
    radio: "radio", range: "slider", number: "spinbutton", search: "searchbox", hidden: "none",
  }),
);
/** Parents from which a part of a list or table takes over `role=none`. */
const STRUCTURE = new Map(
  Object.entries({
    li: "ul ol menu", tr: "table thead tbody tfoot", thead: "table", tbody: "table", tfoot: "table", td: "tr", th: "tr",
    caption: "table",
  }).map(([tag, parents]) => [tag, parents.split(" ")]),
);

/** @param {any} el @returns {boolean} */
const isFocusable = (el) => {
  if (matches(el, ":disabled")) return false;
  if (hasAttr(el, "tabindex") && Number.isInteger(Number(attr(el, "tabindex")))) return true;
  switch (tagOf(el)) {
    case "a":
    case "area":
      return hasAttr(el, "href");
    case "input":
      return inputType(el) !== "hidden";
    case "button":
    case "select":
    case "textarea":
    case "iframe":
    case "summary":
      return true;
    default:
      return attr(el, "contenteditable") !== null && isContentEditableOf(el);
  }
};

/** Attributes that make `role=none` void: its author names or focuses the thing after all. @param {any} el */
const resistsNone = (el) => isFocusable(el) || GLOBAL_ARIA.some((name) => hasAttr(el, name));

/** @param {any} el @returns {boolean} */
const hasAriaName = (el) =>
  !!normal(attr(el, "aria-label") ?? "") || idRefs(el, "aria-labelledby").length > 0;

/** @param {any} el @returns {string|null} the author's role */
const explicitRole = (el) => {
  const value = attr(el, "role");
  if (!value) return null;
  for (const token of value.toLowerCase().split(/\s+/)) {
    if (token === "image") return "img";
    if (ROLES.has(token)) return token === "presentation" ? "none" : token;
  }
  return null;
};

/** @param {any} el @returns {boolean} whether a `role=none` list or table above makes this part of it one too */
const noneFromAbove = (el) => {
  let at = el;
  for (let i = 0; i < 4; i++) {
    const parents = STRUCTURE.get(tagOf(at));
    const parent = parents && parentOf(at);
    if (!parent || !parents.includes(tagOf(parent))) return false;
    const role = explicitRole(parent);
    if (role === "none" && !resistsNone(parent)) return true;
    if (role) return false;
    at = parent;
  }
  return false;
};

/** @param {any} cell @returns {string|null} role of the table it is in, when it is a grid */
const cellKind = (cell) => {
  let at = parentOf(cell);
  for (let i = 0; at && i < 50; i++, at = parentOf(at)) {
    if (tagOf(at) === "table") {
      const role = explicitRole(at);
      return role === "grid" || role === "treegrid" ? "gridcell" : "cell";
    }
  }
  return null;
};

/** @param {any} th @returns {string} */
const headerRole = (th) => {
  const scope = (attr(th, "scope") ?? "").toLowerCase();
  if (scope === "col" || scope === "colgroup") return "columnheader";
  if (scope === "row" || scope === "rowgroup") return "rowheader";
  const beside = [previousElementOf(th), nextElementOf(th)].filter(Boolean).map(tagOf);
  return beside.includes("td") ? "rowheader" : "columnheader";
};

/** @param {any} el @returns {boolean} whether a header or footer belongs to a part of the page only */
const insideSection = (el) => {
  for (let at = parentOf(el), i = 0; at && i < 1000; at = parentOf(at), i++) {
    const role = explicitRole(at);
    if (role) {
      if (["article", "complementary", "main", "navigation", "region"].includes(role)) return true;
    } else if (["article", "aside", "main", "nav", "section"].includes(tagOf(at))) return true;
  }
  return false;
};

/** @param {any} el @returns {string} */
const tagRole = (el) => {
  const tag = tagOf(el);
  switch (tag) {
    case "a":
    case "area":
      return hasAttr(el, "href") ? "link" : "generic";
    case "svg:a":
      return hasAttr(el, "href") || hasAttr(el, "xlink:href") ? "link" : "generic";
    case "form":
      return hasAriaName(el) ? "form" : "generic";
    case "section":
      return hasAriaName(el) ? "region" : "generic";
    case "header":
      return insideSection(el) ? "generic" : "banner";
    case "footer":
      return insideSection(el) ? "generic" : "contentinfo";
    case "img":
      return attr(el, "alt") === "" && !normal(attr(el, "title") ?? "") && !resistsNone(el) ? "none" : "img";
    case "input": {
      const type = inputType(el);
      const role = INPUT_ROLES.get(type);
      if (role && role !== "searchbox") return role;
      const list = attr(el, "list");
      const lists = list && ["", "email", "search", "tel", "text", "url"].includes(type) && idRefs(el, "list").length;
      return lists ? "combobox" : (role ?? "textbox");
    }
    case "select": {
      const size = Number.parseInt(attr(el, "size") ?? "", 10);
      return hasAttr(el, "multiple") || size > 1 ? "listbox" : "combobox";
    }
    case "td":
      return cellKind(el) ?? "generic";
    case "th":
      return cellKind(el) ? headerRole(el) : "generic";
    default:
      return TAG_ROLES.get(tag) ?? "generic";
  }
};

/** @param {any} el @returns {string} role; `none` means transparent */
const roleOf = (el) => {
  let role = roleMemo.get(el);
  if (role !== undefined) return role;
  const explicit = explicitRole(el);
  if (explicit && explicit !== "none") role = tagOf(el) === "iframe" || tagOf(el) === "frame" ? "iframe" : explicit;
  else if (explicit === "none" && !resistsNone(el)) role = "none";
  else {
    role = tagRole(el);
    if (!explicit && STRUCTURE.has(tagOf(el)) && noneFromAbove(el) && !resistsNone(el)) role = "none";
  }
  roleMemo.set(el, role);
  return role;
};
