// Boxes around elements, drawn in a closed shadow root that the page does not see into and that lets all input pass.

const BOX = "position:fixed;box-sizing:border-box;pointer-events:none;margin:0;" +
  "outline:2px solid #d92a5f;background:#d92a5f22;border-radius:2px;";
/** @type {Map<any, HTMLElement>} boxes by element */
const boxes = new Map();
/** @type {HTMLElement|null} */
let layer = null;
/** @type {ShadowRoot|null} */
let layerRoot = null;

const followBoxes = () => {
  for (const [el, box] of boxes) {
    if (!isConnectedOf(el)) {
      box.remove();
      boxes.delete(el);
      continue;
    }
    const { x, y, width, height } = rectOf(el);
    const at = `${x}px,${y}px,${width}px,${height}px`;
    if (box.dataset.at === at) continue;
    box.dataset.at = at;
    box.style.left = `${x}px`;
    box.style.top = `${y}px`;
    box.style.width = `${width}px`;
    box.style.height = `${height}px`;
  }
  if (!boxes.size) dropLayer();
};

let following = false;
const follow = () => {
  followBoxes();
  if (following || !boxes.size) return;
  following = true;
  requestAnimationFrame(() => {
    following = false;
    follow();
  });
};

const dropLayer = () => {
  layer?.remove();
  layer = null;
  layerRoot = null;
};

/** @param {string|Element} target @param {string} [style] CSS on top of ours @returns {boolean} */
const highlight = (target, style = "") => {
  const el = elementFor(target);
  if (!el || boxes.size >= 200) return false;
  if (!layer || !isConnectedOf(layer)) {
    layer = createElement(document, "ebb-highlight");
    layer.setAttribute("popover", "manual");
    layer.style.cssText = "position:fixed;inset:0;width:auto;height:auto;margin:0;padding:0;border:0;background:none;pointer-events:none;overflow:visible;";
    layerRoot = layer.attachShadow({ mode: "closed" });
    rootElementOf(document).append(layer);
    layer.showPopover?.();
  }
  boxes.get(el)?.remove();
  const box = createElement(document, "div");
  box.style.cssText = BOX + style;
  layerRoot?.append(box);
  boxes.set(el, box);
  follow();
  return true;
};

/** @param {string|Element|null} target null for all @returns {number} how many went */
const unhighlight = (target) => {
  const gone = target === null ? [...boxes.keys()] : [elementFor(target)].filter((el) => boxes.has(el));
  for (const el of gone) {
    boxes.get(el)?.remove();
    boxes.delete(el);
  }
  if (!boxes.size) dropLayer();
  return gone.length;
};
