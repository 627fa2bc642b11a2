/** The map page: brings the store, the connection, the map, the panel, the dialog and the labels together. */

import { showAlerts } from "./alert-dialog.js";
import { call } from "./api.js";
import { callAttention } from "./attention.js";
import { showConnection } from "./connection-label.js";
import { drawStore } from "./draw-store.js";
import { follow } from "./live.js";
import { createMap } from "./map.js";
import { createNotices, showNotices } from "./notices.js";
import { showPanel } from "./panel.js";
import { popupContent } from "./popup.js";
import { nextFrame } from "./schedule.js";
import { Store } from "./store.js";
import { showUnread, summarise } from "./unread.js";

const WORLD_BOX = [-180, -90, 180, 90];

/** Opens popups for what is picked, and keeps the open one true. */
function explain(store, view, acknowledge) {
  let open = null;
  const context = { alertOf: (pk) => store.alerts.byIncident.get(pk), acknowledge };
  function show(picked) {
    const features = picked.keys.map((pk) => store[picked.source].get(pk)).filter(Boolean);
    if (features.length === 0) return view.closePopup();
    const at = picked.source === "incidents" ? features[0].geometry.coordinates : picked.at;
    view.popup(at, popupContent(features, context), () => (open = null));
    open = picked;
  }
  store.subscribe((change) => {
    if (!open) return;
    const { changed, removed } = change[open.source];
    if (change.reset || change.alerts || open.keys.some((pk) => changed.has(pk) || removed.has(pk))) show(open);
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
  const part = (id) => document.getElementById(id);
  const { api, alertsPage, mayEdit, ...addresses } = part("tracker").dataset;
  const store = new Store({ schedule: nextFrame });
  /** For looking into the page while developing and testing; nothing of Tracker reads it. */
  window.tracker = { store, view: null, map: null };

  const notices = createNotices(part("notices"));
  const acknowledge = mayEdit === "yes" ? (ids, note = "") => call("POST", `${api}alerts/acknowledge/`, { alerts: ids, note }) : null;
  const read = (seq) => call("POST", `${api}alerts/read/`, { seq }).then((answer) => store.read(answer), () => {});
  showConnection(part("connection"), store);
  showNotices(notices, store);
  showUnread(part("unread"), store);
  summarise(store, { say: notices.say, alertsPage, read });
  showAlerts(part("alert-dialog"), store, { acknowledge, read });
  callAttention(store);
  let view = null;
  let explainPick = () => {};
  const panel = showPanel(part("panel"), store, {
    box: () => view?.bounds() ?? WORLD_BOX,
    choose(pk) {
      const feature = store.incidents.get(pk);
      if (!feature || !view) return;
      view.fly(feature.geometry.coordinates);
      explainPick({ source: "incidents", keys: [pk], at: feature.geometry.coordinates });
    },
  });
  follow(store, { ...addresses, alerts: `${api}alerts/` });

  const wanted = location.hash;
  view = await createMap(part("map"), { hash: true });
  if (!view) return;
  window.tracker.view = view;
  window.tracker.map = view.map;
  drawStore(store, view);
  const takeAlert = acknowledge && (({ areas }) => acknowledge(areas.map(({ id }) => id)).catch(({ message }) => notices.say(message)));
  explainPick = explain(store, view, takeAlert);
  view.onMoved(panel.refresh);
  if (!wanted) lookAtAll(store, view);
  panel.refresh();
}

start();
