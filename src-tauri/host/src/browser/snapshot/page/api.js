// What the host calls. Everything else stays inside this script. Nothing here throws, whatever the page did: a failure
// of our own is answered as `{ok: false, state: "error", error: "internal", message}`, or null where an element is asked for.

/** @template {any[]} A @template R @param {(...args: A) => R} fn @param {(message: string) => any} failed */
const guardCall = (fn, failed) => (/** @type {A} */ ...args) => {
  fresh();
  try {
    return fn(...args);
  } catch (error) {
    return failed(wellFormed(clip(error instanceof Error ? error.message : String(error), 500)));
  } finally {
    forget();
  }
};
const failedCall = (/** @type {string} */ message) => ({
  ok: false, state: "error", error: "internal", message, matches: [], total: 0, nodes: [], frames: 0, truncated: "",
});
/** @template {any[]} A @template R @param {(...args: A) => R} fn */
const call = (fn) => guardCall(fn, failedCall);
/** @template {any[]} A @template R @param {(...args: A) => R} fn @param {any} [otherwise] */
const callOr = (fn, otherwise = null) => guardCall(fn, () => otherwise);

Object.defineProperty(globalThis, "__ebb", {
  configurable: true,
  enumerable: false,
  value: Object.freeze({
    version: VERSION,
    snapshot: call(snapshot),
    resolve: call(resolve),
    check: call(check),
    ready: (/** @type {string|Element} */ target, /** @type {{kind?: Kind, attempt?: number, guarded?: boolean}} */ options = {}) =>
      ready(target, options).catch((error) => failedCall(String(error))),
    stable: (/** @type {string|Element} */ target) => stable(target).catch(() => false),
    focus: callOr(focus, false),
    focusForFill: call(focusForFill),
    setValue: call(setValue),
    selectOptions: call(selectOptions),
    framePoint: call(framePoint),
    guard: callOr(guard, false),
    unguard,
    quiet,
    element: callOr(elementFor),
    frameElement: (/** @type {number} */ k) => frameElements[k] ?? null,
    describe: callOr((/** @type {string|Element} */ target) => {
      const el = elementFor(target);
      return el ? describeElement(el) : "";
    }, ""),
    locator: callOr((/** @type {string|Element} */ target, /** @type {string} */ testId) => {
      if (testId) TEST_ID = testId;
      const el = elementFor(target);
      return el ? locatorOf(el) : "";
    }, ""),
    watchEvent: callOr(watchEvent, false),
    watchedEvent,
    textShown: callOr(textShown, false),
    count: call((/** @type {string} */ selector) => ({ ok: true, count: countOf(selector) })),
    missingItem: call(missingItem),
    controlState: call(controlState),
    readable: call(readable),
    readFrame: (/** @type {number} */ k) => readFrames[k] ?? null,
    highlight: callOr(highlight, false),
    unhighlight: callOr(unhighlight, 0),
    info: call(() => ({
      title: wellFormed(clip(titleOf(document), 10_000)),
      url: wellFormed(location.href),
      readyState: readyStateOf(document),
    })),
  }),
});
