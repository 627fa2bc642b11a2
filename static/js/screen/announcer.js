/** Announces changes to a screen reader in a live region, at a limited rate. */

import { isolate } from "../base/bidi.js";
import { severityWord } from "../base/severity.js";
import { t, tn } from "../base/translate.js";

const PAUSE_MS = 1_000; // between two sentences; incidents of the meantime share one

/** The sentence about incidents that were just reported. @param {import("../live/messages.js").Feature[]} incidents */
export function createdWords(incidents) {
  const [
    {
      properties: { name, severity },
    },
  ] = incidents;
  if (incidents.length > 1) return tn("%(n)s new incident", "%(n)s new incidents", incidents.length);
  return t("New incident: %(name)s, %(severity)s", { name: isolate(name), severity: severityWord(severity) });
}

/** @param {HTMLElement} region @returns {(sentence: string) => void} */
export function createAnnouncer(region) {
  let said = -Infinity;
  let timer;
  return (sentence) => {
    clearTimeout(timer);
    timer = setTimeout(
      () => {
        said = performance.now();
        region.textContent = sentence;
      },
      Math.max(0, said + PAUSE_MS - performance.now()),
    );
  };
}

/** @param {import("../live/selection.js").Selection} selection @param {(sentence: string) => void} announce */
export function announceCreated(selection, announce) {
  let waiting = new Map();
  let timer = null;
  selection.subscribe(({ created }) => {
    for (const pk of created) waiting.set(pk, selection.shown.get(pk));
    if (waiting.size === 0) return;
    if (timer !== null) return;
    timer = setTimeout(() => {
      announce(createdWords([...waiting.values()]));
      waiting = new Map();
      timer = null;
    }, PAUSE_MS);
  });
}
