/** Runs on every page: a second click or Enter does not send a form again while it is being sent. */

const PATIENCE_MS = 20_000; // then the person may try again; the server recognises a creating form that comes twice

function release(form) {
  form.removeAttribute("aria-busy");
  for (const button of form.querySelectorAll("button[data-sent]")) {
    button.disabled = false;
    delete button.dataset.sent;
  }
}

document.addEventListener("submit", (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (event.defaultPrevented || form.method !== "post") return;
  if (form.getAttribute("aria-busy") === "true") return event.preventDefault();
  form.setAttribute("aria-busy", "true");
  setTimeout(() => {
    for (const button of form.querySelectorAll("button:enabled")) {
      // not earlier, because the form also sends the value of its button
      button.dataset.sent = "";
      button.disabled = true;
    }
  });
  setTimeout(() => release(form), PATIENCE_MS);
});

addEventListener(
  "pageshow",
  ({ persisted }) => persisted && document.querySelectorAll("form[aria-busy]").forEach(release),
);
