/** Whether a dialog would disturb this person now, who types, drags, or answers another dialog. */

export const PAUSE_MS = 10_000; // without a key, in a text field, after which nobody is typing

const FIELDS = "textarea, select, [contenteditable], input:not([type=checkbox], [type=radio], [type=button])";

let typedAt = -Infinity;
let isPressing = false;

for (const type of ["keydown", "input", "compositionupdate"])
  addEventListener(type, () => (typedAt = performance.now()), { capture: true });
addEventListener("pointerdown", () => (isPressing = true), { capture: true });
for (const type of ["pointerup", "pointercancel", "blur"])
  addEventListener(type, () => (isPressing = false), { capture: true });

/** @param {HTMLElement} dialog the one that would be opened, whose own fields do not count */
export function isBusyOutside(dialog) {
  const { activeElement } = document;
  const others = document.querySelectorAll("dialog[open], :popover-open");
  if (isPressing || [...others].some((each) => each !== dialog)) return true;
  const inField = Boolean(activeElement?.matches(FIELDS)) && !dialog.contains(activeElement);
  return inField && performance.now() - typedAt < PAUSE_MS;
}
