/**
 * Runs a function at the next animation frame. In a hidden tab it runs after HIDDEN_MS, so that title and sounds stay
 * current.
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
