/** The two switches for notifications and sounds of a background tab: see attention.js. */

import { isWanted, sound, unlockSound, want } from "../screen/attention.js";

const part = (id) => document.getElementById(id);

const say = (sentence) => (part("attention-problem").textContent = sentence);

async function turnDesktop(box) {
  if (!box.checked) return want("desktop", false);
  if (!globalThis.Notification) {
    box.checked = false;
    return say(
      window.isSecureContext
        ? "This browser has no desktop notifications."
        : "Browsers allow desktop notifications over https only.",
    );
  }
  const answer = await Notification.requestPermission();
  box.checked = answer === "granted";
  want("desktop", box.checked);
  say(box.checked ? "" : "The browser refuses: allow notifications for this site in its settings.");
}

function turnSound(box) {
  want("sound", box.checked);
  if (!box.checked) return;
  unlockSound();
  sound();
}

const desktop = part("attention-desktop");
const chime = part("attention-sound");
desktop.checked = isWanted("desktop") && globalThis.Notification?.permission === "granted";
chime.checked = isWanted("sound");
desktop.addEventListener("change", () => turnDesktop(desktop));
chime.addEventListener("change", () => turnSound(chime));
