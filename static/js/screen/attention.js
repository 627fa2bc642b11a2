/**
 * Desktop notifications and a short sound for alerts. Each is off until this person turns it on in this browser.
 * Of several tabs one notifies. By default it does so only if no tab is in use: none has the focus.
 */

import { ownName, within } from "../base/addresses.js";
import { isolate } from "../base/bidi.js";
import { claim } from "../base/claim.js";
import { t, tn } from "../base/translate.js";
import { inOrder } from "../live/alert-order.js";
import { seenUpTo } from "../live/seen-alerts.js";

/** @typedef {"desktop" | "sound" | "always"} Choice */
/** @typedef {{title: string, body: string, tag: string, path: string}} Words tag: a newer one replaces the older */

const TONES = [
  [880, 0],
  [1174.7, 0.14],
  [880, 0.28],
]; // tones: hertz, and seconds after the start
const TONE_S = 0.22;
const LOUDNESS = 0.25; // of 1: audible across a room, but not startling
const MOST = 4; // notifications at once; one more says how many others there are
const FOCUSED_FIRST_MS = 300; // a tab without the focus lets the one in use claim the alerts first

/** @param {Choice} choice */
export function isWanted(choice) {
  try {
    return localStorage.getItem(ownName(choice)) === "on";
  } catch {
    return false; // this browser stores nothing
  }
}

/** @param {Choice} choice @param {boolean} on */
export function want(choice, on) {
  try {
    localStorage.setItem(ownName(choice), on ? "on" : "off");
  } catch {
    // It holds until the page is closed.
  }
}

/** @type {AudioContext | null} */
let context = null;
/** @type {() => void} */
let onSound = () => {};

/** Tries to get permission to play sounds. Most browsers give it only in an event that a person caused. */
export function unlockSound() {
  if (!context) {
    context = new AudioContext();
    context.addEventListener("statechange", () => onSound());
  }
  if (context.state === "suspended") context.resume().catch(() => {});
}

/** Whether the browser lets this page play a sound now. */
export const maySound = () => context?.state === "running";

/** @param {() => void} listener called when the browser's permission has changed */
export const whenSoundChanges = (listener) => (onSound = listener);

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

/** @typedef {"" | "insecure" | "missing" | "denied"} Obstacle "": notifications are possible, or the browser asks */

/** Why this browser can't show a desktop notification. @returns {Obstacle} */
export function obstacle() {
  if (!globalThis.isSecureContext) return "insecure";
  if (!globalThis.Notification) return "missing";
  return Notification.permission === "denied" ? "denied" : "";
}

/** A report that nobody has confirmed says so before all else. @param {Record<string, any>} properties */
function titleOf({ severity, name, verified }) {
  const values = { severity, name: isolate(name) };
  return verified === false ? t("Unverified, %(severity)s: %(name)s", values) : t("%(severity)s: %(name)s", values);
}

/**
 * The texts of the notifications about these alerts: one for each incident, up to MOST.
 * @param {import("../live/alerts.js").Alert[]} alerts the worst first
 * @returns {Words[]}
 */
export function wording(alerts) {
  const words = alerts.slice(0, MOST).map(({ feature: { id, properties }, areas }) => ({
    title: titleOf(properties),
    body: t("in %(areas)s", { areas: areas.map(({ name }) => isolate(name)).join(", ") }),
    tag: ownName(`alert ${id}`),
    path: properties.url,
  }));
  const rest = alerts.length - MOST;
  if (rest <= 0) return words;
  const more = { title: tn("%(n)s more alert", "%(n)s more alerts", rest), body: "", tag: ownName("alerts more") };
  return [{ ...more, path: "/tracker/alert/" }, ...words];
}

const WORKER = within("/service-worker.js");
const SCOPE = within("/tracker/incident/report/"); // the one that the report page registers, too

/**
 * The service worker that shows notifications where a page can’t.
 * @returns {Promise<ServiceWorkerRegistration | null>}
 */
export async function registerWorker() {
  try {
    const known = await navigator.serviceWorker.getRegistration(SCOPE);
    return known ?? (await navigator.serviceWorker.register(WORKER, { scope: SCOPE }));
  } catch (error) {
    console.info("No service worker:", error);
    return null;
  }
}

/** @param {Words} words */
async function notify({ title, body, tag, path }) {
  const options = { body, tag, renotify: true, data: within(path) };
  try {
    const notification = new Notification(title, options);
    notification.onclick = () => {
      window.focus();
      notification.close();
      // The map shows the alert by itself
      if (!document.getElementById("tracker")) location.assign(within(path));
    };
  } catch {
    // Chrome for Android lets only service workers show them
    await (await registerWorker())?.showNotification(title, options);
  }
}

/** @param {import("../live/alerts.js").Alert[]} alerts @param {string} log */
async function attend(alerts, log) {
  const number = seenUpTo(alerts.flatMap(({ areas }) => areas));
  const quiet = document.hasFocus() && !isWanted("always"); // this tab shows the alerts to a person
  if (!document.hasFocus()) await new Promise((done) => setTimeout(done, FOCUSED_FIRST_MS));
  if (isWanted("sound") && (quiet || maySound()) && (await claim("sound", log, number)) && !quiet) sound();
  if (!isWanted("desktop") || obstacle() || !(await claim("desktop", log, number)) || quiet) return;
  for (const words of wording(alerts)) notify(words);
}

/** @param {import("../live/store.js").Store} store */
export function callAttention(store) {
  store.subscribe(({ raised }) => {
    const alerts = inOrder([...raised].map((pk) => store.alerts.byIncident.get(pk)).filter(Boolean));
    if (alerts.length > 0) attend(alerts, store.epoch ?? "");
  });
}
