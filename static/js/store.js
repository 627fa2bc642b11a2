/**
 * The state of the page, to which everything else listens: open incidents, areas, alerts, the connection.
 * Pure: it knows neither the socket nor the map nor the document. Messages go in through `apply`, whole collections
 * through `load`; listeners are told once per turn of the given schedule what has changed since they were last told.
 */

import { Alerts, isWaiting } from "./alerts.js";

/**
 * @typedef {import("./messages.js").Feature} Feature
 * @typedef {import("./messages.js").Message} Message
 * @typedef {import("./alerts.js").Alert} Alert
 * @typedef {{state: "connecting"|"connected"|"reconnecting"|"offline", retryAt?: number}} Connection retryAt: ms since 1970
 * @typedef {{changed: Set<number>, removed: Set<number>}} Keys primary keys
 * @typedef {object} Change
 * @property {boolean} reset everything was loaded anew; `incidents` and `areas` then say nothing
 * @property {Keys} incidents
 * @property {Keys} areas
 * @property {Set<number>} born incidents that were reported just now
 * @property {boolean} closed the closed incidents were loaded
 * @property {Set<number>} raised incidents whose alerts should interrupt, the oldest first
 * @property {boolean} alerts the set of alerts, one of them, or what is unread is another
 * @property {boolean} connection
 * @property {string} notice a sentence for the reader, or ""
 */

const NO_ALERTS = { alerts: [], unread: 0, read_seq: 0 };
const MODELS = { Incident: "incidents", AreaOfInterest: "areas" };

/** @returns {Change} */
const noChange = () => ({
  reset: false,
  incidents: { changed: new Set(), removed: new Set() },
  areas: { changed: new Set(), removed: new Set() },
  born: new Set(),
  closed: false,
  raised: new Set(),
  alerts: false,
  connection: false,
  notice: "",
});

const byKey = (features) => new Map(features.map((feature) => [feature.properties.pk, feature]));

export class Store {
  /** @type {Map<number, Feature>} */ incidents = new Map();
  /** @type {Map<number, Feature> | null} the closed ones, once somebody wants to see them */ closed = null;
  /** @type {Map<number, Feature>} */ areas = new Map();
  /** What is open and what is unread. */ alerts = new Alerts();
  /** @type {Connection} */ connection = { state: "connecting" };
  /** @type {number | null} the log entry handled last */ seq = null;
  /** @type {string | null} the log that `seq` counts in */ epoch = null;

  #schedule;
  #listeners = new Set();
  #change = noChange();
  #scheduled = false;
  /** @type {Message[] | null} what arrived while the collections are loaded anew */ #held = null;
  /** @type {{until: number, changes: number, raised: Set<number>, first: boolean} | null} a stretch of the log being caught up */ #replay = null;
  #greeted = false;
  #alertsSeq = -1;
  /** @type {Set<number> | null} incidents that messages were about while the closed ones are loaded */ #touched = null;

  /** @param {{schedule?: (run: () => void) => void}} [options] schedule: calls `run` soon, once; at once by default */
  constructor({ schedule = (run) => run() } = {}) {
    this.#schedule = schedule;
  }

  /**
   * @param {(change: Change) => void} listener
   * @returns {() => void} stops the listening
   */
  subscribe(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Takes two feature collections and the open alerts, with their `seq` and `epoch`, as the whole truth, then handles
   * what was held back. The oldest `seq` counts: what lies between them is handled again, which does no harm.
   * Alerts raised since the last time interrupt; those that are there at first do not.
   * @param {object} collections
   * @param {{features: Feature[], seq: number, epoch: string}} collections.incidents
   * @param {{features: Feature[], seq: number, epoch: string}} collections.areas
   * @param {{alerts: object[], unread: number, read_seq: number, seq: number}} [collections.alerts]
   */
  load({ incidents, areas, alerts = { ...NO_ALERTS, seq: incidents.seq } }) {
    const again = this.seq !== null;
    const since = again && this.epoch === incidents.epoch ? this.seq : again ? 0 : Infinity;
    this.incidents = byKey(incidents.features);
    this.closed = null;
    this.areas = byKey(areas.features);
    this.seq = Math.min(incidents.seq, areas.seq, alerts.seq);
    this.epoch = incidents.epoch;
    const raised = this.alerts.load(alerts, this.incidents, this.areas, since);
    this.#alertsSeq = alerts.seq;
    this.#change = { ...noChange(), reset: true, raised, alerts: true, connection: this.#change.connection };
    if (again) this.#change.notice = "The map was loaded anew: changes while you were away could not be listed one by one.";
    const held = this.#held ?? [];
    this.#held = null;
    for (const message of held) this.apply(message);
    this.#wake();
  }

  /**
   * Handles one message. One whose `seq` was handled before changes nothing.
   * @param {Message} message
   */
  apply(message) {
    if (message.type === "hello") return this.#hello(message);
    if (this.#held) return void this.#held.push(message);
    if (message.type === "heartbeat") return this.finishReplay();
    if (message.seq <= (this.seq ?? -1)) return;
    if (this.#replay && message.seq > this.#replay.until) this.finishReplay();
    this.seq = message.seq;
    if (message.type.startsWith("alert")) this.#alertMessage(message);
    else if (message.type !== "unknown") this.#featureMessage(message);
    if (this.#replay && message.seq >= this.#replay.until) this.finishReplay();
    this.#wake();
  }

  /** @param {"incidents" | "areas"} collection @param {number} pk @returns {Feature | undefined} */
  find(collection, pk) {
    return this[collection].get(pk) ?? (collection === "incidents" ? this.closed?.get(pk) : undefined);
  }

  /**
   * Takes in the closed incidents; what messages say of an incident meanwhile counts more.
   * @param {() => Promise<{features: Feature[]}>} fetchClosed
   */
  async loadClosed(fetchClosed) {
    this.#touched = new Set();
    this.closed ??= new Map();
    const { features } = await fetchClosed();
    for (const feature of features) {
      const { pk } = feature.properties;
      if (!this.#touched.has(pk)) this.closed.set(pk, feature);
    }
    this.#touched = null;
    this.#change.closed = true;
    this.#wake();
  }

  /** @param {Connection} connection */
  setConnection(connection) {
    this.connection = connection;
    this.#change.connection = true;
    this.#wake();
  }

  /** Notes what the server says this person has read. @param {{unread: number, read_seq: number}} answer */
  read(answer) {
    this.alerts.read(answer);
    this.#change.alerts = true;
    this.#wake();
  }

  /** Ends a catching-up that the log's last entries did not end themselves, and says how much it was. */
  finishReplay() {
    if (!this.#replay) return;
    const { changes, raised, first } = this.#replay;
    this.#replay = null;
    for (const pk of raised) this.#change.raised.add(pk);
    if (changes > 0 && !first) this.#change.notice = `${changes} ${changes === 1 ? "change" : "changes"} while you were away`;
    this.#wake();
  }

  #hello({ seq, recovered }) {
    const first = !this.#greeted;
    this.#greeted = true;
    this.#held = recovered ? null : [];
    this.#replay = recovered && seq > (this.seq ?? seq) ? { until: seq, changes: 0, raised: new Set(), first } : null;
  }

  #featureMessage({ type, feature, created }) {
    const collection = MODELS[feature.properties.model];
    if (!collection) return;
    const { pk, closed } = feature.properties;
    const gone = type === "post_delete" || closed === true;
    if (gone) this[collection].delete(pk);
    else this[collection].set(pk, feature);
    if (collection === "incidents") {
      this.#touched?.add(pk);
      if (type === "post_save" && closed === true) this.closed?.set(pk, feature);
      else this.closed?.delete(pk);
      if (created && !gone && !this.#replay) this.#change.born.add(pk);
    }
    const keys = this.#change[collection];
    keys[gone ? "removed" : "changed"].add(pk);
    keys[gone ? "changed" : "removed"].delete(pk);
    if (this.#replay) this.#replay.changes += 1;
    if (collection === "incidents") this.#followAlert(pk, gone ? null : feature);
  }

  #followAlert(pk, feature) {
    const alert = this.alerts.byIncident.get(pk);
    if (!alert) return;
    this.#change.alerts = true;
    if (feature) alert.feature = feature;
    else this.#over([pk]);
  }

  /** These incidents have no alert any more. */
  #over(keys) {
    for (const pk of keys) {
      this.alerts.byIncident.delete(pk);
      this.#change.raised.delete(pk);
      this.#replay?.raised.delete(pk);
    }
  }

  #alertMessage(message) {
    if (message.seq <= this.#alertsSeq) return; // it is in what was loaded
    this.#change.alerts = true;
    if (message.type === "alert") this.#alert(message);
    else if (message.type === "alert_cleared") this.#over(this.alerts.clear(message));
    else this.#acknowledged(message);
  }

  #alert(message) {
    if (!this.alerts.take(message)) return;
    const { pk } = message.feature.properties;
    const raised = this.#replay ? this.#replay.raised : this.#change.raised;
    raised.delete(pk);
    raised.add(pk);
  }

  #acknowledged(message) {
    const features = this.alerts.acknowledge(message);
    for (const { properties: { pk } } of features) {
      if (this.alerts.byIncident.get(pk).areas.some(isWaiting)) continue;
      this.#change.raised.delete(pk);
      this.#replay?.raised.delete(pk);
    }
    if (this.#replay || features.length === 0) return;
    const what = features.length === 1 ? features[0].properties.name : `${features.length} incidents`;
    this.#change.notice = `${message.by} has it: ${what}${message.note ? ` (${message.note})` : ""}`;
  }

  #wake() {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule(() => {
      const change = this.#change;
      this.#change = noChange();
      this.#scheduled = false;
      for (const listener of this.#listeners) listener(change);
    });
  }
}
