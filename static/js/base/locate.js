/** Asks the device for its location, and returns errors as sentences. */

import { t } from "./translate.js";

const PATIENCE_MS = 20_000; // a satellite fix outdoors takes about this long
const REASONS = {
  1: t("The location was refused. Tap the map or search a place instead."),
  2: t("The location is not available. Tap the map or search a place instead."),
  3: t("The location takes too long. Tap the map, search a place, or try again."),
};

/** @typedef {{longitude: number, latitude: number, accuracy: number}} Found accuracy in metres */

/** Whether this page may ask: browsers give the location only on https, and to pages of the same machine. */
export const mayLocate = () => isSecureContext && "geolocation" in navigator;

/** Whether the person has allowed it before, so that the browser shows no question. */
export async function locationAllowed() {
  try {
    return (await navigator.permissions.query({ name: "geolocation" })).state === "granted";
  } catch {
    return false;
  }
}

/** @returns {Promise<Found>} rejects with an Error whose message is a sentence for the reader */
export function locate() {
  const options = { enableHighAccuracy: true, timeout: PATIENCE_MS, maximumAge: PATIENCE_MS };
  return new Promise((done, fail) => {
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => done(coords),
      ({ code }) => fail(new Error(REASONS[code] ?? REASONS[2])),
      options,
    );
  });
}
