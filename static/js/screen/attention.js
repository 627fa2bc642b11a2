/**
 * A desktop notification and a short sound for alerts that come while the tab is in the background.
 * Each is off until this person turns it on in this browser.
 */

import { ownName } from "../base/addresses.js";
import { isolate } from "../base/bidi.js";

/** @typedef {"desktop" | "sound"} Way */

const TONES = [
  [880, 0],
  [1174.7, 0.14],
  [880, 0.28],
]; // tones: hertz, and seconds after the start
const TONE_S = 0.22;
const LOUDNESS = 0.25; // of 1: audible across a room, but not startling
const MOST_NAMES = 4; // in one notification

/** @param {Way} way */
export function isWanted(way) {
  try {
    return localStorage.getItem(ownName(way)) === "on";
  } catch {
    return false; // this browser stores nothing
  }
}

/** @param {Way} way @param {boolean} on */
export function want(way, on) {
  try {
    localStorage.setItem(ownName(way), on ? "on" : "off");
  } catch {
    // It holds until the page is closed.
  }
}

let context = null;

/** Browsers allow sounds only after a person has touched the page. Call this in such an event. */
export function unlockSound() {
  context ??= new AudioContext();
  if (context.state === "suspended") context.resume();
}

export function sound() {
  if (!context) return;
  for (const [frequency, delay] of TONES) {
    const start = context.currentTime + delay;
    const tone = new OscillatorNode(context, { type: "sine", frequency });
    const gain = new GainNode(context, { gain: 0 });
    gain.gain.setValueAtTime(0, start);
    gain.gain.linearRampToValueAtTime(LOUDNESS, start + 0.02);
    gain.gain.exponentialRampToValueAtTime(0.001, start + TONE_S);
    tone.connect(gain).connect(context.destination);
    tone.start(start);
    tone.stop(start + TONE_S);
  }
}

/**
 * The text of a notification about these alerts.
 * @param {import("../live/alerts.js").Alert[]} alerts
 * @returns {{title: string, body: string}}
 */
export function wording(alerts) {
  /** @param {import("../live/alerts.js").Alert} alert */
  const line = ({ feature: { properties } }) => `${properties.severity}: ${isolate(properties.name)}`;
  if (alerts.length === 1)
    return { title: line(alerts[0]), body: `in ${alerts[0].areas.map(({ name }) => isolate(name)).join(", ")}` };
  const rest = alerts.length > MOST_NAMES ? [`and ${alerts.length - MOST_NAMES} more`] : [];
  return { title: `${alerts.length} alerts`, body: [...alerts.slice(0, MOST_NAMES).map(line), ...rest].join("\n") };
}

function notifyDesktop(alerts) {
  if (globalThis.Notification?.permission !== "granted") return;
  const { title, body } = wording(alerts);
  try {
    const options = { body, tag: ownName("alert"), renotify: true };
    const notification = new Notification(title, options);
    notification.onclick = () => {
      window.focus();
      notification.close();
    };
  } catch (error) {
    console.info("No desktop notification:", error); // some phones allow them only for installed pages
  }
}

/** @param {import("../live/store.js").Store} store */
export function callAttention(store) {
  for (const event of ["pointerdown", "keydown"]) addEventListener(event, () => isWanted("sound") && unlockSound());
  store.subscribe(({ raised }) => {
    const alerts = [...raised]
      .map((pk) => store.alerts.byIncident.get(pk))
      .filter(Boolean)
      .reverse();
    if (alerts.length === 0 || !document.hidden) return;
    if (isWanted("desktop")) notifyDesktop(alerts);
    if (isWanted("sound")) sound();
  });
}
