/**
 * Once per animation frame; in a tab that is not painted, once per HIDDEN_MS, so that its title and sounds stay true.
 */

const HIDDEN_MS = 500;

/** @param {() => void} run called once, soon */
export function nextFrame(run) {
  let done = false;
  const once = () => {
    if (done) return;
    done = true;
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    run();
  };
  const timer = setTimeout(once, HIDDEN_MS);
  const frame = requestAnimationFrame(once);
}
