/** The map page: connects the store, the socket, the map, the panel, the dialog and the labels. */

import { alertCalls } from "../live/alert-calls.js";
import { alertActions } from "../screen/alert-actions.js";
import { showAlerts } from "../screen/alert-dialog.js";
import { politely } from "../screen/alert-notice.js";
import { addRowActions } from "../screen/alert-rows.js";
import { announceCreated, createAnnouncer } from "../screen/announcer.js";
import { call } from "../base/api.js";
import { callAttention } from "../screen/attention.js";
import { loadClosedOnDemand } from "../live/closed-incidents.js";
import { explainFull, showConnection } from "../screen/connection-label.js";
import { syncAreas, syncIncidents } from "../map/sync-features.js";
import { mapEditing } from "../screen/map-editing.js";
import { popupOpener } from "../screen/popups.js";
import { findBox } from "../screen/find-box.js";
import { followAddress, goTo } from "../screen/go-to.js";
import { addMapButtons } from "../screen/map-buttons.js";
import { within } from "../base/addresses.js";
import { filterForm } from "../screen/filter-form.js";
import { incidentActions } from "../screen/incident-actions.js";
import { isBeyondMap, longEdgesQuery } from "../base/geojson.js";
import { incidentHandle } from "../editor/incident-move.js";
import { fetchJSON, firstLoad } from "../live/first-load.js";
import { keepInSync } from "../live/sync.js";
import { linkedIncident } from "../live/incident-link.js";
import { createMap, readConfig } from "../map/map.js";
import { createHighlights } from "../map/highlights.js";
import { createNotices, showNotices } from "../screen/notices.js";
import { followUpdates } from "../screen/updates.js";
import { showPanel } from "../screen/panel.js";
import { nextFrame } from "../base/schedule.js";
import { shortcuts } from "../screen/shortcuts.js";
import { Selection } from "../live/selection.js";
import { Store } from "../live/store.js";
import { showUnread, summarise } from "../screen/unread.js";

const WORLD_BOX = [-180, -90, 180, 90];
const AGE_MS = 15_000; // a filter such as "last hour" may show older incidents for this long

const part = (id) => document.getElementById(id);

/** The calls of the API; null for those that this person may not make. */
function callsOf({ api, mayEdit }, store) {
  const save = (kind, feature, pk = null, key) => {
    const query = longEdgesQuery(feature.geometry);
    return pk === null
      ? call("POST", `${api}${kind}/${query}`, feature, { key })
      : call("PATCH", `${api}${kind}/${pk}/${query}`, feature);
  };
  return { ...alertCalls({ api, mayEdit }, store), save: mayEdit === "yes" ? save : null };
}

/** Calls `act` when the store has been loaded. */
function whenLoaded(store, act) {
  if (store.seq !== null) return act();
  const stop = store.subscribe((change) => {
    if (!change.reset) return;
    stop();
    act();
  });
}

/** Acknowledges those alerts of an incident that this person has seen in the list. */
function acknowledgeSeen(alert, { hasSeen }, { acknowledge }, { say }) {
  const seen = (alert?.areas ?? []).filter((area) => !area.acknowledged && hasSeen(area));
  if (seen.length > 0) acknowledge(seen).catch(({ message }) => say(message));
}

/** An incident that the page does not hold; null if there is none of this number. */
async function fetchIncident(api, pk) {
  try {
    return await call("GET", `${api}incidents/${pk}/`);
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

async function start() {
  const { alertsPage, host, ...addresses } = part("tracker").dataset;
  const store = new Store({ schedule: nextFrame });
  const selection = new Selection(store);
  /** For developers and tests; no code of Tracker reads it. */
  window.tracker = { store, selection, view: null, map: null };

  const notices = createNotices(part("notices"));
  const announce = createAnnouncer(part("announcer"));
  const calls = callsOf(addresses, store);
  showConnection(part("connection"), store);
  explainFull(notices, store);
  showNotices(notices, store, host);
  showUnread(part("unread"), store);
  summarise(store, { say: notices.say, alertsPage, read: calls.read });
  const showOnMap = (pk) =>
    go ? go.incident(pk, { focus: true }) : location.assign(within(`/tracker/incident/${pk}/`));
  const moreOf = alertActions(store, calls);
  const alertDialog = part("alert-dialog");
  showAlerts(alertDialog, politely(store, alertDialog), { ...calls, more: moreOf, show: showOnMap, say: notices.say });
  callAttention(store);
  announceCreated(selection, announce);
  loadClosedOnDemand(store, selection, () => fetchJSON(`${addresses.incidents}?closed=true`), { say: notices.say });
  const list = /** @type {HTMLAnchorElement} */ (part("as-list"));
  const { counted } = filterForm(part("filter"), store, (filter) => selection.choose(filter), list);
  const count = () => counted(selection.shown.size);
  selection.subscribe(count);
  count();
  setInterval(() => selection.age(), AGE_MS);

  let view = null;
  let highlights = null;
  /** @type {import("../screen/go-to.js").GoTo | null} */
  let go = null;
  /** @type {ReturnType<typeof popupOpener>} */
  let show = () => {};
  const panel = showPanel(part("panel"), store, selection, {
    box: () => view?.bounds() ?? WORLD_BOX,
    fit: (geometries) => view?.fit(geometries, { animate: true }),
    point: (pk) =>
      highlights?.highlight(pk === null ? null : (store.find("incidents", pk)?.geometry.coordinates ?? null)),
    choose(pk, { byKey }) {
      const feature = store.find("incidents", pk);
      if (!feature) return;
      if (!go) return location.assign(within(feature.properties.url)); // there is no map
      const row = /** @type {HTMLElement} */ (document.activeElement);
      go.incident(pk, { focus: byKey, onClose: () => byKey && row.focus() });
    },
  });
  addRowActions(part("alert-rows"), store, {
    acknowledge:
      calls.acknowledge && ((alerts) => calls.acknowledge(alerts).catch(({ message }) => notices.say(message))),
    more: moreOf,
    hasSeen: panel.hasSeen,
  });
  const all = { ...addresses, poll: `${addresses.api}notifications` };
  keepInSync(store, all, followUpdates(notices));

  const act = calls.save && incidentActions(notices.say);
  part("panel").addEventListener("act", ({ detail }) => act?.(detail.name, detail.incident));
  /** @type {ReturnType<typeof mapEditing> | null} */
  let edit = null;
  shortcuts(/** @type {HTMLDialogElement} */ (part("shortcuts")), part("panel"), {
    isBusy: () => edit?.isBusy() ?? false,
    acknowledge: calls.acknowledge && ((pk) => acknowledgeSeen(store.alerts.byIncident.get(pk), panel, calls, notices)),
    close: act && ((pk) => store.find("incidents", pk) && act("close", store.find("incidents", pk))),
  });

  const begin = location.hash;
  view = await createMap(part("map"), { hash: true, before: firstLoad().loaded });
  const linked = linkedIncident(begin);
  if (!view && linked !== null) return location.replace(within(`/tracker/incident/${linked}/`));
  if (!view) return part("panel-toggle").setAttribute("aria-expanded", "true"); // the panel has all that there is
  Object.assign(window.tracker, { view, map: view.map });
  highlights = createHighlights(view);
  edit = calls.save && mapEditing(view, calls, { notices, announce, show: (picked) => show(picked) });
  go = goTo(view, store, selection, {
    show: (picked, how) => show(picked, how),
    fetchIncident: (pk) => fetchIncident(addresses.api, pk),
    say: notices.say,
    mark: highlights.pulse,
  });
  const remember = followAddress(go.incident);
  const handle = incidentHandle(view, { move: edit?.move ?? null });
  const chosen = {
    choose(feature) {
      handle.choose(feature);
      remember(feature?.properties.pk ?? null);
    },
  };
  show = popupOpener(store, view, chosen, {
    acknowledge:
      calls.acknowledge && ((alerts) => calls.acknowledge(alerts).catch(({ message }) => notices.say(message))),
    editArea: edit?.editArea ?? null,
    act,
    inRows: panel.hasSeen,
  });
  view.onPick((picked) => edit?.isBusy() || show(picked));
  syncAreas(store, view);
  syncIncidents(selection, view);
  selection.subscribe(({ created }) => {
    for (const pk of created) highlights.pulse(selection.shown.get(pk).geometry.coordinates);
  });
  view.onMoved(panel.refresh);
  function lookAtAll() {
    const all = [...selection.shown.values(), ...store.areas.values()].map(({ geometry }) => geometry);
    const seen = all.filter(({ type, coordinates }) => type !== "Point" || !isBeyondMap(coordinates));
    view.fit(seen.length > 0 ? seen : all);
  }
  addMapButtons(view, { home: lookAtAll, say: notices.say });
  findBox(part("go-text"), part("go-results"), store, readConfig().vendor, go);
  if (!begin) whenLoaded(store, lookAtAll);
  if (linked !== null) whenLoaded(store, () => go.incident(linked, { jump: true }));
  panel.refresh();
}

start();
