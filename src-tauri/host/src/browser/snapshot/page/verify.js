// What assertions ask of a page.

/** @param {string} selector @returns {number} how many elements it means here; throws on an invalid one */
const countOf = (selector) => resolveAll(selector).length;

/** @param {string|Element} target @param {string[]} items @returns {{ok: boolean, missing: string|null}} the first
 *  text that no element inside has */
const missingItem = (target, items) => {
  const el = elementFor(target);
  if (!el) return { ok: false, missing: null };
  const missing = items.find((words) => !runSteps([{ kind: "text", words, options: {} }], [el]).length);
  return { ok: true, missing: missing ?? null };
};

/** @param {string|Element} target @returns {{ok: boolean, value: string|null, checked: boolean|null}} what a control holds */
const controlState = (target) => {
  const found = elementFor(target);
  if (!found) return { ok: false, value: null, checked: null };
  const el = controlOf(found);
  const value =
    el instanceof HTMLInputElement ? inputValue(el)
    : el instanceof HTMLTextAreaElement ? areaValue(el)
    : el instanceof HTMLSelectElement ? el.value
    : null;
  const role = roleOf(el);
  const checkable = /^(checkbox|radio|switch|menuitemcheckbox|menuitemradio)$/.test(role);
  return { ok: true, value: value === null ? null : wellFormed(value), checked: checkable ? checkedState(el, role) === "true" : null };
};
