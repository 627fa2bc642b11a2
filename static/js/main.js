/** The map page: brings the store, the connection, the map, the panel, the dialog and the labels together. */

import { showAlerts } from "./alert-dialog.js";
import { showConnection } from "./connection-label.js";
import { follow } from "./live.js";
import { createMap } from "./map.js";
import { showNotices } from "./notices.js";
import { showPanel } from "./panel.js";
import { popupContent } from "./popup.js";
import { nextFrame } from "./schedule.js";
import { Store } from "./store.js";

const WORLD_BOX = [-180, -90, 180, 90];
const SOURCES = /** @type {const} */ (["incidents", "areas"]);

/** Draws the store's features on the map, now and from now on. */
function draw(store, view) {
  const all = () => SOURCES.forEach((source) => view.setFeatures(source, [...store[source].values()]));
  store.subscribe((change) => {
    if (change.reset) return all();
    for (const source of SOURCES) {
      for (const pk of change[source].changed) view.putFeature(source, pk, store[source].get(pk));
      for (const pk of change[source].removed) view.putFeature(source, pk, null);
    }
  });
  all();
}

/** Opens popups for what is picked, and keeps the open one true. */
function explain(store, view) {
  let open = null;
  function show(picked) {
    const features = picked.keys.map((pk) => store[picked.source].get(pk)).filter(Boolean);
    if (features.length === 0) return view.closePopup();
    const at = picked.source === "incidents" ? features[0].geometry.coordinates : picked.at;
    view.popup(at, popupContent(features), () => (open = null));
    open = picked;
  }
  store.subscribe((change) => {
    if (!open) return;
    const { changed, removed } = change[open.source];
    if (change.reset || open.keys.some((pk) => changed.has(pk) || removed.has(pk))) show(open);
  });
  view.onPick(show);
  return show;
}

/** Looks at everything there is, once it is loaded. */
function lookAtAll(store, view) {
  const look = () => view.fit([...store.incidents.values(), ...store.areas.values()].map(({ geometry }) => geometry));
  if (store.seq !== null) return look();
  const stop = store.subscribe((change) => {
    if (!change.reset) return;
    stop();
    look();
  });
}

async function start() {
  const { incidents, areas, notifications, signIn } = document.getElementById("tracker").dataset;
  const store = new Store({ schedule: nextFrame });
  /** For looking into the page while developing and testing; nothing of Tracker reads it. */
  window.tracker = { store, view: null, map: null };

  showConnection(document.getElementById("connection"), store);
  showNotices(document.getElementById("notices"), store);
  showAlerts(document.getElementById("alert-dialog"), store);
  let view = null;
  let explainPick = () => {};
  const panel = showPanel(document.getElementById("panel"), store, {
    box: () => view?.bounds() ?? WORLD_BOX,
    choose(pk) {
      const feature = store.incidents.get(pk);
      if (!feature || !view) return;
      view.fly(feature.geometry.coordinates);
      explainPick({ source: "incidents", keys: [pk], at: feature.geometry.coordinates });
    },
  });
  follow(store, { incidents, areas, notifications, signIn });

  const wanted = location.hash;
  view = await createMap(document.getElementById("map"), { hash: true });
  if (!view) return;
  window.tracker.view = view;
  window.tracker.map = view.map;
  draw(store, view);
  explainPick = explain(store, view);
  view.onMoved(panel.refresh);
  if (!wanted) lookAtAll(store, view);
  panel.refresh();
}

start();
