/** On every page: a form that is on its way is not sent again by a second click or Enter. */

const PATIENCE_MS = 20_000; // after this the person may try again; the server knows a creating form that comes twice

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
      // not before: what a button stands for is sent, too
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
