// Parts of tools that have to happen inside the page: events that the browser is about to act on, and texts that come and go.

/** @type {{stop: () => void, seen: Event|null}|null} */
let watched = null;

/** Remembers the last trusted event of this type until it is asked for. @param {string} type */
const watchEvent = (type) => {
  watched?.stop();
  const watch = { seen: /** @type {Event|null} */ (null), stop: () => {} };
  const listener = (/** @type {Event} */ event) => {
    if (event.isTrusted) watch.seen = event;
  };
  addEventListener(type, listener, { capture: true });
  watch.stop = () => removeEventListener(type, listener, { capture: true });
  watched = watch;
  return true;
};

/** @returns {{seen: boolean, prevented: boolean|null}} prevented null: no such event came */
const watchedEvent = () => {
  const watch = watched;
  watched = null;
  watch?.stop();
  return { seen: !!watch?.seen, prevented: watch?.seen ? watch.seen.defaultPrevented : null };
};

/** @param {string} text @returns {boolean} whether the first element with this text is visible */
const textShown = (text) => {
  const want = normal(text);
  const first = allElements(document).find((el) => smallestWith(el, (have) => textFits(have, want, false)));
  return !!first && hasVisibleBox(first);
};
