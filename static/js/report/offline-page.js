/** Lets the report page open without a network, where the browser allows that (https only): see service-worker.js. */

const WORKER = "/service-worker.js";
const PAGE = "/tracker/incident/report/";
// What a worker loads belongs to its own address, not to the page's
const MAP_WORKER = "/vendor/maplibre-gl-worker.mjs";
const ASSETS = /^\/(static|vendor)\//;

/** Has the service worker keep this page and all files that it has loaded. */
export async function keepPage() {
  if (!("serviceWorker" in navigator)) return;
  try {
    await navigator.serviceWorker.register(WORKER, { scope: MAP_WORKER });
    await navigator.serviceWorker.register(WORKER, { scope: PAGE });
    const { active } = await navigator.serviceWorker.ready;
    const loaded = performance.getEntriesByType("resource").map(({ name }) => new URL(name));
    const own = loaded.filter(({ origin, pathname }) => origin === location.origin && ASSETS.test(pathname));
    active?.postMessage([PAGE, ...new Set(own.map(({ pathname }) => pathname))]);
  } catch (error) {
    console.info("This page will not open without a network:", error); // the outbox works all the same
  }
}
