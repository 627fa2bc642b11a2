/** Lets the report page open without a network, where the browser allows that (https only): see service-worker.js. */

import { within } from "../base/addresses.js";
import { readConfig } from "../map/map.js";

const WORKER = within("/service-worker.js");
const PAGE = within("/tracker/incident/report/");
const ASSETS = [within("/static/"), within("/vendor/"), within("/sentences/")];

/** Lets the service worker keep this page and all files that it has loaded. */
export async function keepPage() {
  if (!("serviceWorker" in navigator)) return;
  // A worker's requests belong to its own address, not to the page's
  const mapWorker = `${readConfig().vendor}maplibre-gl-worker.mjs`;
  try {
    await navigator.serviceWorker.register(WORKER, { scope: mapWorker });
    await navigator.serviceWorker.register(WORKER, { scope: PAGE });
    await forgetOtherVersions(mapWorker);
    const { active } = await navigator.serviceWorker.ready;
    const loaded = performance.getEntriesByType("resource").map(({ name }) => new URL(name));
    const isAsset = ({ origin, pathname }) =>
      origin === location.origin && ASSETS.some((folder) => pathname.startsWith(folder));
    const own = loaded.filter(isAsset);
    active?.postMessage([PAGE, ...new Set(own.map(({ pathname }) => pathname))]);
  } catch (error) {
    console.info("This page will not open without a network:", error); // the outbox works without it
  }
}

/** Removes what was registered for the map library's worker of another version. @param {string} mapWorker */
async function forgetOtherVersions(mapWorker) {
  for (const registration of await navigator.serviceWorker.getRegistrations()) {
    const scope = new URL(registration.scope).pathname;
    if (scope.startsWith(within("/vendor/")) && scope !== mapWorker) await registration.unregister();
  }
}
