/**
 * Shows each `<time datetime>` of the page as people read it: how long ago it was. The pointer shows the exact time
 * here and in UTC. One with `data-exact` shows the exact time at once. Without this script the page has UTC.
 */

import { agoWords, exactWords } from "../base/relative-time.js";

const REFRESH_MS = 30_000;

/** @param {HTMLTimeElement} time */
function show(time) {
  const moment = time.dateTime;
  if (Number.isNaN(Date.parse(moment))) return;
  const exact = exactWords(moment);
  time.dataset.utc ??= time.textContent;
  time.title = `${exact} · ${time.dataset.utc}`;
  const words = time.dataset.exact === undefined ? agoWords(moment) : exact;
  if (time.textContent !== words) time.textContent = words;
}

/** Shows all times of the page, and keeps them current. */
export function showTimes() {
  const all = () => document.querySelectorAll("time[datetime]").forEach(show);
  all();
  setInterval(all, REFRESH_MS);
  addEventListener("pageshow", all); // by Back, after hours
}
