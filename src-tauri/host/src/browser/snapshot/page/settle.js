// When the page is quiet after an action.

/** How long nothing may change, how long to wait for that, and what stands in for a frame that is not drawn, in ms. */
const QUIET = 50;
const QUIET_MAX = 500;
const FRAME_MAX = 25;

/** The document since an action began: the last change of it, and what to call at one.
 * @type {{at: number, tell: () => void, stop: () => void}|null} */
let changes = null;

/** From here on changes of the document count, and input that the host sends. */
const watchChanges = () => {
  changes?.stop();
  const observer = new MutationObserver(changed);
  observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  // An action that nobody waits for leaves no observer behind.
  const timer = setTimeout(() => changes?.stop(), 2 * QUIET_MAX);
  const watch = {
    at: performance.now(),
    tell: () => {},
    stop: () => {
      observer.disconnect();
      clearTimeout(timer);
      if (changes === watch) changes = null;
    },
  };
  changes = watch;
  return watch;
};

const changed = () => {
  if (!changes) return;
  changes.at = performance.now();
  changes.tell();
};

/** Resolves with the title once two animation frames and 50 ms have passed without a change of the document since the action, after
 * 500 ms at the latest. Timers stand in for frames that a tab in the background does not draw, and end the wait to the millisecond.
 * @returns {Promise<string>} */
const quiet = () =>
  new Promise((done) => {
    const watch = changes ?? watchChanges();
    const began = performance.now();
    let frames = 0;
    let timer = 0;
    let over = false;
    watch.tell = () => {
      frames = 0;
    };
    const look = () => {
      if (over) return;
      const now = performance.now();
      const left = Math.min(QUIET - (now - watch.at), QUIET_MAX - (now - began));
      if ((frames >= 2 && left <= 0) || now - began >= QUIET_MAX) {
        over = true;
        watch.stop();
        done(wellFormed(clip(titleOf(document), 10_000)));
      } else if (frames >= 2) {
        clearTimeout(timer);
        timer = setTimeout(look, Math.max(left, 1));
      }
    };
    const frame = () => {
      let called = false;
      const once = () => {
        if (called || over) return;
        called = true;
        frames += 1;
        look();
        frame();
      };
      requestAnimationFrame(once);
      setTimeout(once, FRAME_MAX);
    };
    frame();
  });
