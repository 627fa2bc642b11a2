/**
 * Loads a page anew that is older than the server, when nobody works on it and nothing on it would be lost.
 * A page with sound for alerts stays: a browser lets a page sound only after somebody has touched it.
 */

import { element } from "../base/elements.js";
import { published } from "../base/published.js";
import { hasUnsaved } from "../base/unsaved.js";
import { isWanted } from "./attention.js";
import { t } from "../base/translate.js";

const QUIET_MS = 30_000; // without a key, a touch or a click
const LOOK_MS = 5_000; // between two looks whether the page is quiet
const SPREAD_MS = 60_000; // in which all pages reload after an upgrade, each at a random time
const AGAIN_MS = 600_000; // between two reloads: behind a cache, or while servers change, the page may stay old
const KEY = "tracker.updated-at";

/** Whether a version, such as 0.3.0, is older than another one. Pure. @param {string} mine @param {unknown} other */
export function isOlder(mine, other) {
  const [ours, theirs] = [mine, other].map((version) => String(version).split(".").map(Number));
  const place = ours.findIndex((number, index) => number !== theirs[index]);
  return place >= 0 && ours[place] < theirs[place];
}

function reloadedAt() {
  try {
    return Number(sessionStorage.getItem(KEY));
  } catch {
    return Number.POSITIVE_INFINITY; // this browser keeps nothing, so a page that stays old would never rest
  }
}

/** Whether the page may be loaded anew now. @param {number} touchedAt @param {number} now */
function mayReload(touchedAt, now) {
  const quiet = now - touchedAt >= QUIET_MS && now - reloadedAt() >= AGAIN_MS;
  return quiet && !hasUnsaved() && !isWanted("sound") && !document.querySelector("dialog[open]");
}

/**
 * @param {Pick<ReturnType<typeof import("./notices.js").createNotices>, "say">} notices
 * @returns {(version: unknown) => void} call it with the server's version, after each hello
 */
export function followUpdates({ say }) {
  let touchedAt = 0;
  let told = false;

  function reload() {
    try {
      sessionStorage.setItem(KEY, String(Date.now()));
    } catch {
      // only somebody who asked for it comes here
    }
    location.reload();
  }

  return (version) => {
    if (told || !isOlder(published.version, version)) return;
    told = true;
    const now = element("button", { type: "button" }, t("Load it now"));
    now.addEventListener("click", reload);
    say(t("Tracker was updated. This page loads the new version when nobody works on it."), {
      actions: [now],
      stay: true,
    });
    for (const type of ["pointerdown", "keydown", "input"])
      addEventListener(type, () => (touchedAt = Date.now()), { capture: true });
    const from = Date.now() + Math.random() * SPREAD_MS;
    setInterval(() => Date.now() >= from && mayReload(touchedAt, Date.now()) && reload(), LOOK_MS);
  };
}
