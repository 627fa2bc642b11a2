/**
 * The state of the page, to which everything else listens: open incidents, areas, alerts, the connection.
 * Pure: it knows neither the socket nor the map nor the document. Messages go in through `apply`, whole collections
 * through `load`; listeners are told once per turn of the given schedule what has changed since they were last told.
 */

/**
 * @typedef {import("./messages.js").Feature} Feature
 * @typedef {import("./messages.js").Message} Message
 * @typedef {{seq: number, feature: Feature, reason: string, areas: import("./messages.js").AreaOfAlert[]}} Alert
 * @typedef {{state: "connecting"|"connected"|"reconnecting"|"offline", retryAt?: number}} Connection retryAt: ms since 1970
 * @typedef {{changed: Set<number>, removed: Set<number>}} Keys primary keys
 * @typedef {object} Change
 * @property {boolean} reset everything was loaded anew; `incidents` and `areas` then say nothing
 * @property {Keys} incidents
 * @property {Keys} areas
 * @property {Set<number>} raised incidents whose alerts should interrupt, the oldest first
 * @property {boolean} alerts the set of alerts, or one of them, is another
 * @property {boolean} connection
 * @property {string} notice a sentence for the reader, or ""
 */

const MODELS = { Incident: "incidents", AreaOfInterest: "areas" };

/** @returns {Change} */
const noChange = () => ({
  reset: false,
  incidents: { changed: new Set(), removed: new Set() },
  areas: { changed: new Set(), removed: new Set() },
  raised: new Set(),
  alerts: false,
  connection: false,
  notice: "",
});

const byKey = (features) => new Map(features.map((feature) => [feature.properties.pk, feature]));

export class Store {
  /** @type {Map<number, Feature>} */ incidents = new Map();
  /** @type {Map<number, Feature>} */ areas = new Map();
  /** @type {Map<number, Alert>} open alerts by their incident, the newest last */ alerts = new Map();
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
   * Takes two feature collections with their `seq` and `epoch` as the whole truth, then handles what was held back.
   * The older `seq` counts: what lies between the two is handled again, which does no harm.
   * @param {{incidents: {features: Feature[], seq: number, epoch: string}, areas: {features: Feature[], seq: number, epoch: string}}} collections
   */
  load({ incidents, areas }) {
    const again = this.seq !== null;
    this.incidents = byKey(incidents.features);
    this.areas = byKey(areas.features);
    this.seq = Math.min(incidents.seq, areas.seq);
    this.epoch = incidents.epoch;
    for (const key of this.alerts.keys()) if (!this.incidents.has(key)) this.alerts.delete(key);
    this.#change = { ...noChange(), reset: true, alerts: true, connection: this.#change.connection };
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
    if (message.type === "alert") this.#alert(message);
    else if (message.type !== "unknown") this.#featureMessage(message);
    if (this.#replay && message.seq >= this.#replay.until) this.finishReplay();
    this.#wake();
  }

  /** @param {Connection} connection */
  setConnection(connection) {
    this.connection = connection;
    this.#change.connection = true;
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

  #featureMessage({ type, feature }) {
    const collection = MODELS[feature.properties.model];
    if (!collection) return;
    const { pk, closed } = feature.properties;
    const gone = type === "post_delete" || closed === true;
    if (gone) this[collection].delete(pk);
    else this[collection].set(pk, feature);
    const keys = this.#change[collection];
    keys[gone ? "removed" : "changed"].add(pk);
    keys[gone ? "changed" : "removed"].delete(pk);
    if (this.#replay) this.#replay.changes += 1;
    if (collection === "incidents") this.#followAlert(pk, gone ? null : feature);
  }

  #followAlert(pk, feature) {
    const alert = this.alerts.get(pk);
    if (!alert) return;
    this.#change.alerts = true;
    if (feature) {
      alert.feature = feature;
      return;
    }
    this.alerts.delete(pk);
    this.#change.raised.delete(pk);
    this.#replay?.raised.delete(pk);
  }

  #alert({ seq, feature, reason = "raised", areas_of_interest: areas }) {
    const { pk } = feature.properties;
    const known = this.alerts.get(pk);
    const alert = { seq, feature, reason, areas };
    this.alerts.delete(pk); // so that the newest is the last
    this.alerts.set(pk, alert);
    this.#change.alerts = true;
    if (known && reason === "updated") return;
    const raised = this.#replay ? this.#replay.raised : this.#change.raised;
    raised.delete(pk);
    raised.add(pk);
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
