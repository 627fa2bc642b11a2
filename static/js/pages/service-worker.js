/**
 * Keeps the public report page and its files, so that it opens without a network too. It is registered for that page
 * and for the map library's worker, and handles no other request. For the page it uses the network first, and the kept
 * one without it. A file with a version in its address never changes, so the kept one is used at once.
 */

const ROOT = new URL(".", self.location.href).pathname; // where Tracker is, with a slash at its end
const CACHE = ROOT === "/" ? "report" : `report ${ROOT}`; // other trackers of this host have their own
const PAGE = `${ROOT}tracker/incident/report/`;
const ASSETS = [`${ROOT}static/`, `${ROOT}vendor/`, `${ROOT}sentences/`];
const VERSIONED = /^(static|vendor)\/[0-9a-f]{12}\//; // below ROOT
const PATIENCE_MS = 5_000; // after this time without an answer the kept file is used

const pathOf = ({ url }) => new URL(url).pathname;
const version = (answer) => answer?.headers.get("ETag");

/** Keeps the page as a visitor sees it, without the name of an account. */
async function keep(path) {
  const answer = await fetch(path, path === PAGE ? { credentials: "omit" } : {});
  if (answer.ok) await (await caches.open(CACHE)).put(path, answer);
}

async function fetchAndKeep(request, kept) {
  const answer = await fetch(request);
  if (answer.status === 200 && request.mode !== "navigate" && version(answer) !== version(kept)) {
    await (await caches.open(CACHE)).put(pathOf(request), answer.clone());
  }
  return answer;
}

const late = (value) => new Promise((done) => setTimeout(() => done(value), PATIENCE_MS));

async function answer(request) {
  const kept = await (await caches.open(CACHE)).match(pathOf(request));
  if (kept && VERSIONED.test(pathOf(request).slice(ROOT.length))) return kept;
  const fresh = fetchAndKeep(request, kept);
  if (!kept) return fresh;
  return Promise.race([fresh.catch(() => kept), late(kept)]);
}

/** Keeps the page and its files, and removes files that it no longer has. @param {string[]} paths */
async function keepOnly(paths) {
  await Promise.all(paths.map(keep));
  const cache = await caches.open(CACHE);
  const others = (await cache.keys()).filter((request) => !paths.includes(pathOf(request)));
  await Promise.all(others.map((request) => cache.delete(request)));
}

addEventListener("install", (event) => event.waitUntil(keep(PAGE).then(() => self.skipWaiting())));
addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
addEventListener("message", (event) => event.waitUntil(keepOnly(event.data)));
addEventListener("fetch", (event) => {
  const { request } = event;
  const path = pathOf(request);
  const ours = request.mode === "navigate" ? path === PAGE : ASSETS.some((folder) => path.startsWith(folder));
  if (ours && request.method === "GET" && new URL(request.url).origin === self.location.origin)
    event.respondWith(answer(request));
});

/** Shows the page of a notification: in a window that has it, or in a new one. */
async function open(path) {
  const windows = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  const ours = windows.filter(({ url }) => new URL(url).pathname.startsWith(ROOT));
  const there = ours.find(({ url }) => new URL(url).pathname === path);
  return there ? there.focus() : self.clients.openWindow(path);
}

addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data));
});
