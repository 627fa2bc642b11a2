/**
 * The map for a wall: alerts as cards, without anything to click. It says in red when it shows an old state, is dim at
 * night, and loads itself anew at night and after an update.
 */

import { isBeyondMap } from "../base/geojson.js";
import { createHighlights } from "../map/highlights.js";
import { createMap } from "../map/map.js";
import { syncAreas, syncIncidents } from "../map/sync-features.js";
import { nextFrame } from "../base/schedule.js";
import { published } from "../base/published.js";
import { language, t } from "../base/translate.js";
import { Selection } from "../live/selection.js";
import { Store } from "../live/store.js";
import { keepInSync } from "../live/sync.js";
import { maySound, sound, unlockSound, whenSoundChanges } from "../screen/attention.js";
import { showCards } from "../screen/kiosk-cards.js";
import { isDue, isNight, isStale } from "../screen/kiosk-time.js";
import { isOlder } from "../screen/updates.js";

const TICK_MS = 1_000;
const BRIGHT_MS = 2 * 60_000; // for this long a new alert lights a dim wall up
const SPREAD_MS = 60_000; // in which all walls load an update, each at a random time
const CITY_ZOOM = 13;
const USUAL = 20; // pixels of the type for which the map is drawn 1:1

const part = (id) => document.getElementById(id);
const options = new URLSearchParams(location.search);
const openedAt = Date.now();
let ahead = 0; // the server's clock minus this one's, in ms
let lostAt = openedAt;
let alertedAt = -Infinity;
let loadAt = Infinity; // when an update is loaded

const now = () => Date.now() + ahead;
const clock = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** Takes the time from the server, since nobody sets the clock of a wall. */
async function setClock() {
  const asked = Date.now();
  const answer = await fetch(location.href, { method: "HEAD", cache: "no-store" }).catch(() => null);
  const said = Date.parse(answer?.headers.get("date") ?? "");
  if (!Number.isNaN(said)) ahead = said - (asked + Date.now()) / 2;
  return answer?.ok ?? false;
}

/** Loads the page anew, but never while the server can't answer: the wall would be blank. */
async function reload() {
  loadAt = Infinity;
  if (await setClock()) location.reload();
}

/** @param {Store} store */
function tick(store) {
  const { state } = store.connection;
  const connected = state === "connected";
  if (connected) lostAt = null;
  else lostAt ??= now();
  const stale = isStale(store.connection, lostAt, now());
  part("kiosk-stale").hidden = !stale;
  if (stale) part("kiosk-stale").textContent = t("Stale: no connection since %(time)s", { time: clock.format(lostAt) });
  part("kiosk-clock").textContent = clock.format(now());
  const hour = new Date(now()).getHours();
  const { classList } = document.documentElement;
  classList.toggle("night", isNight(options.get("night"), hour) && now() - alertedAt > BRIGHT_MS);
  classList.toggle("stale", stale);
  const age = Date.now() - openedAt;
  if (connected && Date.now() >= loadAt) reload();
  else if (isDue({ age, hour, sinceAlert: now() - alertedAt, connected })) loadAt = Date.now() + random(SPREAD_MS);
}

const random = (most) => Math.random() * most;

function playSound(store) {
  const show = () => (part("kiosk-sound").hidden = maySound());
  for (const event of ["pointerdown", "pointerup", "keydown"]) addEventListener(event, unlockSound);
  whenSoundChanges(show);
  unlockSound();
  show();
  store.subscribe(({ raised }) => raised.size > 0 && maySound() && sound());
}

/** Draws the map as large as the type, which grows with the screen. */
function scale(view) {
  const factor = Math.max(1, Number.parseFloat(getComputedStyle(document.documentElement).fontSize) / USUAL);
  const { style } = part("map");
  style.width = style.height = `${100 / factor}%`;
  style.transform = `scale(${factor})`;
  view.map.setPixelRatio(devicePixelRatio * factor);
  view.resize();
}

async function start() {
  const { incidents, areas, alerts, ...addresses } = part("kiosk").dataset;
  const store = new Store({ schedule: nextFrame });
  const selection = new Selection(store);
  window.tracker = { store, selection, view: null, map: null };
  showCards(store, now);
  if (options.get("sound") === "on") playSound(store);
  store.subscribe(({ raised }) => {
    if (raised.size > 0) alertedAt = now();
  });
  store.subscribe(({ connection }) => connection && tick(store));
  setInterval(() => tick(store), TICK_MS);
  setClock().then(() => tick(store));
  const followVersion = (version) => {
    if (isOlder(published.version, version)) loadAt = Math.min(loadAt, Date.now() + random(SPREAD_MS));
    else setClock();
  };
  keepInSync(store, addresses, followVersion, { collections: { incidents, areas, alerts } });
  navigator.wakeLock?.request("screen").catch(() => {}); // else some systems darken the screen
  await showMap(store, selection);
}

async function showMap(store, selection) {
  const chosen = location.hash.includes("map=");
  const view = await createMap(part("map"), { hash: chosen, remembers: false });
  if (!view) return;
  Object.assign(window.tracker, { view, map: view.map });
  scale(view);
  new ResizeObserver(() => scale(view)).observe(part("map").parentElement);
  view.map.on("webglcontextlost", reload);
  const highlights = createHighlights(view);
  const lookAtAll = () => {
    const all = [...selection.shown.values(), ...store.areas.values()].map(({ geometry }) => geometry);
    const seen = all.filter(({ type, coordinates }) => type !== "Point" || !isBeyondMap(coordinates));
    if (!chosen) view.fit(seen, { maxZoom: CITY_ZOOM, animate: false });
  };
  syncAreas(store, view);
  syncIncidents(selection, view);
  selection.subscribe(({ created }) => {
    for (const pk of created) highlights.pulse(selection.shown.get(pk).geometry.coordinates);
  });
  store.subscribe(({ reset, raised }) => (reset || raised.size > 0) && lookAtAll());
  if (store.seq !== null) lookAtAll();
}

start();
