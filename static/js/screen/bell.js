/** The bell in the header: switches for notifications and sound, with what the browser still wants for each. */

import { element } from "../base/elements.js";
import { t } from "../base/translate.js";
import {
  isWanted,
  maySound,
  obstacle,
  registerWorker,
  sound,
  unlockSound,
  want,
  whenSoundChanges,
} from "./attention.js";

const OBSTACLES = {
  insecure: t("Browsers show notifications only over https. Ask your administrator for an https address."),
  missing: t("This browser has no desktop notifications. On an iPhone or iPad, add Tracker to the home screen first."),
  denied: t("This browser blocks notifications of this site. Allow them in its site settings (left of the address)."),
};
const CLICK = t("Click once to allow sound");

const part = (id) => document.getElementById(id);

/** @typedef {"off" | "on" | "click" | "stuck"} BellState */

/**
 * What the bell shows. Pure, as `blocked` and `mute` come from the browser.
 * @param {{desktop: boolean, sound: boolean, blocked: boolean, mute: boolean}} found desktop, sound: turned on;
 *   blocked: the browser shows no notifications; mute: it plays no sound before a click
 * @returns {BellState}
 */
export function bellState({ desktop, sound: loud, blocked, mute }) {
  if (loud && mute) return "click";
  if (desktop && blocked) return "stuck";
  return desktop || loud ? "on" : "off";
}

/** @type {Record<BellState, string>} */
const BELLS = {
  off: t("Notifications are off"),
  on: t("Notifications are on"),
  click: CLICK,
  stuck: t("The browser blocks notifications"),
};

function show() {
  const problem = obstacle();
  const granted = !problem && Notification.permission === "granted";
  const [desktop, loud] = [isWanted("desktop"), isWanted("sound")];
  const mute = loud && !maySound();
  part("attention-desktop").checked = desktop && granted;
  part("attention-desktop").disabled = Boolean(problem);
  part("attention-sound").checked = loud;
  part(isWanted("always") ? "attention-always" : "attention-background").checked = true;
  part("attention-problem").textContent = OBSTACLES[problem] ?? "";
  part("attention-click").hidden = !mute;
  const state = bellState({ desktop, sound: loud, blocked: !granted, mute });
  part("bell").dataset.state = state;
  part("bell").title = part("bell-state").textContent = BELLS[state];
}

async function turnDesktop(on) {
  want("desktop", on && (await Notification.requestPermission()) === "granted");
  if (isWanted("desktop")) registerWorker();
  show();
}

function turnSound(on) {
  want("sound", on);
  if (on) {
    unlockSound();
    sound();
  }
  show();
}

/** Shows the present choices, and stores what the person chooses. */
export function showBell() {
  if (!part("bell")) return;
  part("attention-click").append(element("button", { type: "button", class: "quiet" }, CLICK));
  part("attention-desktop").addEventListener("change", ({ target }) => turnDesktop(target.checked));
  part("attention-sound").addEventListener("change", ({ target }) => turnSound(target.checked));
  for (const name of ["always", "background"])
    part(`attention-${name}`).addEventListener("change", () => want("always", name === "always"));
  addEventListener("storage", show); // another tab has chosen
  addEventListener("focus", show); // the person may come from the browser's settings
  for (const event of ["pointerdown", "pointerup", "keydown"])
    addEventListener(event, () => isWanted("sound") && unlockSound());
  whenSoundChanges(show);
  if (isWanted("sound")) unlockSound(); // some browsers allow it, after a click on the page before
  show();
}
