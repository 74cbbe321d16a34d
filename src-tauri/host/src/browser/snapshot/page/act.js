// Readiness of an element for an action, and the parts of an action that have to happen inside the page.

const EDITABLE_TYPES = new Set(["text", "search", "url", "tel", "email", "password", "number"]);
const VALUE_TYPES = new Set(["color", "date", "datetime-local", "month", "range", "time", "week"]);
const SCROLLS = ["end", "center", "start"];

const VOID = new Set("area base br col embed hr img input link meta source track wbr".split(" "));

/** @param {any} el @returns {string} `<tag id="x" class="y">text</tag>`, short enough for one line of a log */
const describeElement = (el) => {
  const tag = localNameOf(el);
  const parts = [];
  for (const name of attributeNames(el).slice(0, 50)) {
    if (name === "style" || name.startsWith("on")) continue;
    if (name === "value" && el instanceof HTMLInputElement && inputType(el) === "password") continue;
    const value = attr(el, name) ?? "";
    parts.push(`${name}="${clip(value.replace(/\s+/g, " "), 500)}"`);
  }
  // The shortest say the most: roles, types and ids before long lists of classes.
  parts.sort((a, b) => a.length - b.length);
  const cut = (/** @type {string} */ text, /** @type {number} */ max) => (text.length > max ? `${clip(text, max - 1)}…` : text);
  const open = `<${tag}${cut(parts.map((part) => ` ${part}`).join(""), 200)}`;
  if (VOID.has(tag)) return wellFormed(`${open}/>`);
  let inside = "";
  for (let at = firstChildOf(el); at && inside !== "…"; at = nextSiblingOf(at)) {
    if (nodeTypeOf(at) === 1) inside = "…";
    else if (nodeTypeOf(at) === 3 && inside.length < 1000) inside += clip(dataOf(at), 1000);
  }
  return wellFormed(`${open}>${cut(normal(inside), 50)}</${tag}>`);
};

/** @param {any} el @returns {any} the control that a label or a part of a button stands for */
const controlOf = (el) => {
  const label = closest(el, "label");
  const inside = closest(el, "input,textarea,select,button,[contenteditable]");
  if (inside) return inside;
  return (label instanceof HTMLLabelElement && controlOfLabel(label)) || el;
};

/** @param {any} el @returns {boolean} */
const isEditable = (el) => {
  if (el instanceof HTMLInputElement || el instanceof HTMLTextAreaElement) return !el.readOnly;
  if (el instanceof HTMLSelectElement) return true;
  return isContentEditableOf(el) && attr(el, "aria-readonly") !== "true";
};

/** @param {any} el @returns {{x: number, y: number}|null} middle of the first part of it that lies in the viewport */
const pointOf = (el) => {
  for (const rect of rectsOf(el)) {
    const left = Math.max(rect.left, 0);
    const top = Math.max(rect.top, 0);
    const right = Math.min(rect.right, innerWidth);
    const bottom = Math.min(rect.bottom, innerHeight);
    if (right - left > 0.5 && bottom - top > 0.5) return { x: (left + right) / 2, y: (top + bottom) / 2 };
  }
  return null;
};

const fromPointInDocument = uncurried(Document.prototype.elementFromPoint);
const fromPointInShadow = uncurried(ShadowRoot.prototype.elementFromPoint);
/** @param {number} x @param {number} y @returns {any} the innermost element there, through open shadow roots */
const elementAt = (x, y) => {
  let at = fromPointInDocument(document, x, y);
  while (at && !late()) {
    const shadow = shadowRootOf(at);
    const inner = shadow && fromPointInShadow(shadow, x, y);
    if (!inner || inner === at) break;
    at = inner;
  }
  return at;
};

/** @param {any} el @param {any} hit @returns {boolean} whether input that lands on `hit` reaches `el` */
const reaches = (el, hit) => {
  for (let at = hit; at; at = parentOf(at)) {
    if (at === el) return true;
    if (at instanceof HTMLLabelElement && controlOfLabel(at) === el) return true;
  }
  return false;
};

/** @param {any} hit @param {any} el @returns {string} */
const coveredBy = (hit, el) => {
  // What lies on top is named by its outermost part that does not also hold the element: that is what must go away.
  let outer = hit;
  for (let at = hit; at && !within(at, el); at = parentOf(at)) outer = at;
  const own = `${describeElement(hit)}`;
  if (outer === hit) return `${own} intercepts pointer events`;
  return `${own} from ${describeElement(outer)} subtree intercepts pointer events`;
};

/**
 * @typedef {"click"|"hover"|"fill"|"select"|"plain"} Kind
 * @param {string|Element} target
 * @param {{kind?: Kind, attempt?: number}} [options] attempt: 0 scrolls only when needed, then end, centre, start
 */
const check = (target, { kind = "plain", attempt = 0 } = {}) => {
  fresh();
  if (typeof target === "string") {
    const found = resolve(target);
    if (!found.ok) return { ...found, state: "error" };
  }
  let el = elementFor(target);
  if (!el || !isConnectedOf(el)) return { state: "wait", reason: "element was detached from the page" };
  if (kind === "fill" || kind === "select") el = controlOf(el);
  const about = aboutElement(el);
  const wait = (/** @type {string} */ reason) => ({ state: "wait", reason, describe: about.describe });
  if (!hasVisibleBox(el)) return wait("element is not visible");
  if (kind !== "hover" && kind !== "plain" && about.disabled) return wait("element is not enabled");
  if (kind === "fill" && !about.editable) {
    if (about.fill !== "none") return wait("element is not editable");
    return { ...about, state: "error", error: "not_fillable", matches: [], total: 1 };
  }
  if (kind === "select" && about.tag !== "select") return { ...about, state: "error", error: "not_select", matches: [], total: 1 };
  if (attempt > 0) {
    const place = /** @type {ScrollLogicalPosition} */ (SCROLLS[(attempt - 1) % 3]);
    Element.prototype.scrollIntoView.call(el, { block: place, inline: place, behavior: "instant" });
  } else bringIntoView(el);
  if (kind === "fill" || kind === "select") return { state: "ready", x: 0, y: 0, ...(pointOf(el) ?? {}), ...about };
  const point = pointOf(el);
  if (!point) return kind === "plain" ? { state: "ready", x: 0, y: 0, ...about } : wait("element is outside of the viewport");
  if (kind !== "plain") {
    const hit = elementAt(point.x, point.y);
    if (!hit) return wait("element is outside of the viewport");
    if (!reaches(el, hit)) return wait(coveredBy(hit, el));
  }
  return { state: "ready", ...point, ...about };
};

/** @param {any} el */
const bringIntoView = (el) => {
  const proto = /** @type {any} */ (Element.prototype);
  if (proto.scrollIntoViewIfNeeded) proto.scrollIntoViewIfNeeded.call(el, true);
  else Element.prototype.scrollIntoView.call(el, { block: "nearest", inline: "nearest", behavior: "instant" });
};

/** @param {any} el */
const aboutElement = (el) => {
  const tag = localNameOf(el);
  const type = el instanceof HTMLInputElement ? inputType(el) : "";
  const role = roleOf(el);
  return {
    describe: describeElement(el),
    tag,
    type,
    role,
    editable: isEditable(el),
    fill: fillKind(el),
    disabled: isDisabled(el, role),
    checked: checkedState(el, role),
    multiple: !!el.multiple && (tag === "select" || type === "file"),
    frame: tag === "iframe" || tag === "frame",
  };
};

/** How text gets into it. @param {any} el @returns {"text"|"value"|"none"} */
const fillKind = (el) => {
  if (el instanceof HTMLInputElement) {
    const type = inputType(el);
    return EDITABLE_TYPES.has(type) ? "text" : VALUE_TYPES.has(type) ? "value" : "none";
  }
  if (el instanceof HTMLTextAreaElement) return "text";
  return isContentEditableOf(el) ? "text" : "none";
};

const animationsOf = uncurried(Document.prototype.getAnimations);
/** @param {DOMRect} rect */
const insideViewport = (rect) => rect.left >= 0 && rect.top >= 0 && rect.right <= innerWidth && rect.bottom <= innerHeight;

/** Two frames of a slow screen, in ms. */
const TWO_FRAMES = 34;

/** @param {DOMRect} rect */
const boxText = ({ x, y, width, height }) => `${x},${y},${width},${height}`;

/** @param {string|Element} target @returns {Promise<boolean>} whether its box stays for two frames */
const stable = async (target) => {
  const el = elementFor(target);
  if (!el) return false;
  const box = () => boxText(rectOf(el));
  // A tab in the background draws no frames: without the timer this would wait for ever.
  const frame = () =>
    new Promise((done) => {
      const timer = setTimeout(done, 150);
      requestAnimationFrame(() => {
        clearTimeout(timer);
        done(undefined);
      });
    });
  const first = box();
  const inside = insideViewport(rectOf(el));
  // Where the last snapshot saw it, frames ago.
  const before = refs.get(el)?.box;
  const stayed = before instanceof DOMRect && boxText(before) === first && performance.now() - walkedAt > TWO_FRAMES;
  if (inside && stayed && isConnectedOf(el) && !animationsOf(document).length) return true;
  await frame();
  const second = box();
  // What the page moves by itself has moved by now; what the browser moves is an animation, or a scroll into view.
  if (inside && first === second && isConnectedOf(el) && !animationsOf(document).length) return true;
  await frame();
  return isConnectedOf(el) && first === second && second === box();
};

/** `check` and `stable` in one call, and `guard` where that is asked for.
 * @param {string|Element} target @param {{kind?: Kind, attempt?: number, guarded?: boolean}} [options] */
const ready = async (target, options) => {
  const first = check(target, options);
  if (first.state !== "ready") return first;
  const describe = "describe" in first ? first.describe : "";
  if (!(await stable(target))) return { state: "wait", reason: "element is not stable", describe };
  const last = check(target, options);
  if (last.state === "ready" && options?.guarded) guard(target);
  return last;
};

/** @param {string|Element} target focuses it and selects all it holds, so that typing replaces it */
const focusForFill = (target) => {
  fresh();
  const found = elementFor(target);
  if (!found) return { ok: false, error: "no_match", kind: "none", tag: "", type: "" };
  const el = controlOf(found);
  const kind = fillKind(el);
  const about = { kind, tag: localNameOf(el), type: el instanceof HTMLInputElement ? inputType(el) : "" };
  if (kind === "none") return { ok: false, error: "not_fillable", ...about };
  HTMLElement.prototype.focus.call(el, { preventScroll: true });
  if (el instanceof HTMLInputElement) HTMLInputElement.prototype.select.call(el);
  else if (el instanceof HTMLTextAreaElement) HTMLTextAreaElement.prototype.select.call(el);
  else {
    const range = new Range();
    range.selectNodeContents(el);
    const selection = getSelection();
    selection?.removeAllRanges();
    selection?.addRange(range);
  }
  const root = rootOf(el);
  const active = root instanceof ShadowRoot ? activeInShadow(root) : activeElementOf(document);
  return { ok: active === el || (active && within(el, active)) || false, ...about };
};

/** @param {string|Element} target @param {boolean} [select] @returns {boolean} */
const focus = (target, select = false) => {
  const el = elementFor(target);
  if (!el) return false;
  if (select) return focusForFill(el).ok;
  (el instanceof SVGElement ? SVGElement : HTMLElement).prototype.focus.call(el, { preventScroll: true });
  return true;
};

/** @param {any} el */
const tellChange = (el) => {
  el.dispatchEvent(new Event("input", { bubbles: true, composed: true }));
  el.dispatchEvent(new Event("change", { bubbles: true }));
};

/** For inputs that cannot be typed in: dates, colours, ranges. @param {string|Element} target @param {string} text */
const setValue = (target, text) => {
  const el = controlOf(elementFor(target) ?? rootElementOf(document));
  if (!(el instanceof HTMLInputElement) || !VALUE_TYPES.has(inputType(el))) return { ok: false, error: "not_fillable" };
  const wanted = inputType(el) === "color" ? text.trim().toLowerCase() : text.trim();
  const probe = createElement(document, "input");
  probe.type = inputType(el);
  for (const name of ["min", "max", "step"]) if (hasAttr(el, name)) probe.setAttribute(name, attr(el, name));
  probe.value = wanted;
  if (probe.value !== wanted) return { ok: false, error: "malformed_value" };
  HTMLElement.prototype.focus.call(el, { preventScroll: true });
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")?.set?.call(el, wanted);
  tellChange(el);
  return { ok: true };
};

/** @param {string|Element} target @param {string[]} wanted values or labels */
const selectOptions = (target, wanted) => {
  const el = controlOf(elementFor(target) ?? rootElementOf(document));
  if (!(el instanceof HTMLSelectElement)) return { ok: false, error: "not_select", selected: [], missing: [] };
  const options = [...queryAll(el, "option")];
  const picked = [];
  const missing = [];
  for (const want of el.multiple ? wanted : wanted.slice(0, 1)) {
    const option =
      options.find((o) => o.value === want) ?? options.find((o) => normal(o.label) === normal(want));
    if (option) picked.push(option);
    else missing.push(want);
  }
  if (missing.length) return { ok: false, error: "no_option", selected: [], missing };
  if (picked.some((option) => matches(option, ":disabled"))) return { ok: false, error: "disabled_option", selected: [], missing: [] };
  HTMLElement.prototype.focus.call(el, { preventScroll: true });
  for (const option of options) option.selected = picked.includes(option);
  tellChange(el);
  return { ok: true, selected: picked.map((option) => wellFormed(option.value)), missing: [] };
};

/** Where a point of the child frame lies in this frame, and whether input there reaches it.
 * @param {number} k index of the frame in the last snapshot, or its element @param {number} x @param {number} y */
const framePoint = (/** @type {any} */ k, x, y) => {
  const el = typeof k === "number" ? frameElements[k] : k;
  if (!el || !isConnectedOf(el)) return { ok: false, reason: "frame was detached" };
  const rect = rectOf(el);
  const style = getComputedStyle(el);
  const scaleX = el.offsetWidth ? rect.width / el.offsetWidth : 1;
  const scaleY = el.offsetHeight ? rect.height / el.offsetHeight : 1;
  const at = {
    x: rect.x + (el.clientLeft + Number.parseFloat(style.paddingLeft) + x) * scaleX,
    y: rect.y + (el.clientTop + Number.parseFloat(style.paddingTop) + y) * scaleY,
  };
  const hit = elementAt(at.x, at.y);
  if (!hit) return { ok: false, ...at, reason: "element is outside of the viewport" };
  return reaches(el, hit) ? { ok: true, ...at } : { ok: false, ...at, reason: coveredBy(hit, el) };
};

const GUARDED = ["pointerdown", "mousedown", "pointerup", "mouseup", "click", "auxclick", "dblclick", "contextmenu"];
/** @type {{stop: () => void, hit: boolean|null, reason: string}|null} */
let guarded = null;

/** Swallows trusted pointer input that does not reach the element: the page may have moved since the check.
 * @param {string|Element} target */
const guard = (target) => {
  unguard();
  const el = elementFor(target);
  if (!el) return false;
  const watch = { hit: /** @type {boolean|null} */ (null), reason: "", stop: () => {} };
  watchChanges();
  const listener = (/** @type {Event} */ event) => {
    if (!event.isTrusted) return;
    changed();
    if (watch.hit === null) {
      const hit = /** @type {any} */ (event.composedPath()[0]);
      fresh();
      watch.hit = reaches(el, hit) || !isConnectedOf(el);
      if (!watch.hit) watch.reason = coveredBy(hit, el);
      forget();
    }
    if (watch.hit) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  for (const type of GUARDED) addEventListener(type, listener, { capture: true, passive: false });
  watch.stop = () => {
    for (const type of GUARDED) removeEventListener(type, listener, { capture: true });
  };
  guarded = watch;
  return true;
};

/** @returns {{hit: boolean|null, reason: string}} hit null: no input came, as when a navigation was quicker */
const unguard = () => {
  const watch = guarded;
  guarded = null;
  watch?.stop();
  return { hit: watch?.hit ?? null, reason: watch?.reason ?? "" };
};
