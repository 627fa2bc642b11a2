/** Sends a form by script, once at a time. */

/**
 * Runs the action of a form's main button, unless it runs already. Meanwhile the button is disabled.
 * @param {HTMLFormElement} form @param {() => Promise<void>} run
 */
export async function whileBusy(form, run) {
  if (form.getAttribute("aria-busy") === "true") return;
  const button = form.querySelector("button.primary");
  const focused = document.activeElement === button;
  form.setAttribute("aria-busy", "true");
  button.disabled = true;
  try {
    await run();
  } finally {
    form.removeAttribute("aria-busy");
    button.disabled = false;
    if (focused && document.activeElement === document.body) button.focus();
  }
}
