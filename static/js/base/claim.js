/**
 * Decides which of this browser's tabs does something that only one of them may do. The first that asks gets it.
 * Where the browser has no Web Locks (they need https), tabs that ask in the same instant may both get it.
 */

import { ownName } from "./addresses.js";

const HELD_MS = 10_000; // tabs that hear of the same thing later than this read the stored number instead

/** @param {string} what @param {string} log the name of the log that the number counts in */
function numberOf(what, log) {
  try {
    const [name, number] = (localStorage.getItem(ownName(`claimed ${what}`)) ?? "").split(" ");
    return name === log ? Number(number) : -1;
  } catch {
    return -1; // this browser stores nothing
  }
}

/** @param {string} what @param {string} log @param {number} number */
function store(what, log, number) {
  try {
    localStorage.setItem(ownName(`claimed ${what}`), `${log} ${number}`);
  } catch {
    // then only the lock tells the tabs apart
  }
}

/**
 * Claims everything of this kind up to a number, which rises.
 * @param {string} what
 * @param {string} log
 * @param {number} number
 * @returns {Promise<boolean>} false: another tab has claimed this number, or a higher one
 */
export async function claim(what, log, number) {
  if (numberOf(what, log) >= number) return false;
  const name = ownName(`claim ${what} ${log} ${number}`);
  if (!navigator.locks) {
    store(what, log, number);
    return true;
  }
  return new Promise((answer) => {
    navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      answer(lock !== null);
      if (!lock) return;
      store(what, log, number);
      return new Promise((done) => setTimeout(done, HELD_MS));
    });
  });
}
