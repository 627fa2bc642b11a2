/**
 * The state of the page: open incidents, areas, alerts, the connection. All other parts listen to it.
 * Pure: it knows neither the socket nor the map nor the document. `apply` takes one message, `load` takes whole
 * collections. Listeners are called when the given schedule says so, with all changes since their last call.
 */

import { setServerTime } from "../base/server-clock.js";
import { AlertUpdates } from "./alert-updates.js";
import { Alerts } from "./alerts.js";
import { Changes } from "./changes.js";
import { Replay } from "./replay.js";
import { t } from "../base/translate.js";

/**
 * @typedef {import("./messages.js").Feature} Feature
 * @typedef {import("./messages.js").Message} Message
 * @typedef {{state: "connecting"|"connected"|"reconnecting"|"full"|"offline"|"signed-out", way?: "websocket"|"http",
 *   retryAt?: number, reason?: string}} Connection
 *   full: a limit of the server refuses one more page. `reason` is its sentence about that. `way` is how the page is
 *   connected. `retryAt` is when it tries again, in ms since 1970.
 */

const NO_ALERTS = { alerts: [], unread: 0, read_seq: 0 };
const MODELS = { Incident: "incidents", AreaOfInterest: "areas" };

const byKey = (features) => new Map(features.map((feature) => [feature.properties.pk, feature]));

export class Store {
  /** @type {Map<number, Feature>} */ incidents = new Map();
  /** @type {Map<number, Feature> | null} the closed ones, once the filter includes them */ closed = null;
  /** @type {Map<number, Feature>} */ areas = new Map();
  /** The open and the unread alerts. */ alerts = new Alerts();
  /** @type {Connection} */ connection = { state: "connecting" };
  /** @type {number | null} the log entry handled last */ seq = null;
  /** @type {string | null} the mark of that entry; null if it has none */ mark = null;
  /** @type {string | null} the log that `seq` counts in */ epoch = null;

  #changes;
  #alertUpdates;
  /** @type {Message[] | null} messages that arrive while the collections are loaded again */ #held = null;
  /** @type {Replay | null} */ #replay = null;
  #greeted = false;
  #isKept = false; // whether it shows what the browser kept, and the server has not said that it continues from there
  #onlyAlerts;
  /** @type {Set<number> | null} incidents in messages that came while the closed ones are loaded */ #touched = null;

  /**
   * @param {{schedule?: (run: () => void) => void, onlyAlerts?: boolean}} [options] schedule: calls `run` soon, once;
   *   at once by default. onlyAlerts: keeps no incidents and no areas
   */
  constructor({ schedule = (run) => run(), onlyAlerts = false } = {}) {
    this.#onlyAlerts = onlyAlerts;
    this.#changes = new Changes(schedule);
    this.#alertUpdates = new AlertUpdates(this.alerts, this.#changes);
  }

  /**
   * @param {(change: import("./changes.js").Change) => void} listener
   * @returns {() => void} stops the listening
   */
  subscribe(listener) {
    return this.#changes.subscribe(listener);
  }

  /**
   * Replaces everything by two feature collections and the open alerts, then applies the messages held back meanwhile.
   * The oldest `seq` counts, so some messages are applied twice, which does no harm. Alerts raised since the last load
   * interrupt; those of the first load do not.
   * @param {object} collections
   * @param {{features: Feature[], seq: number, mark?: string, epoch: string}} collections.incidents
   * @param {{features: Feature[], seq: number, mark?: string, epoch: string}} collections.areas
   * @param {{alerts: object[], unread: number, read_seq: number, seq: number, mark?: string}} [collections.alerts]
   * @param {{kept?: boolean}} [options] kept: incidents and areas are what the browser kept, and may be outdated
   */
  load(
    { incidents, areas, alerts = { ...NO_ALERTS, seq: incidents.seq, mark: incidents.mark } },
    { kept = false } = {},
  ) {
    const again = this.seq !== null && !this.#isKept;
    this.#isKept = kept;
    const since = again && this.epoch === incidents.epoch ? this.seq : again ? 0 : Infinity;
    this.incidents = byKey(incidents.features);
    this.closed = null;
    this.areas = byKey(areas.features);
    const oldest = [incidents, areas, alerts].reduce((one, other) => (other.seq < one.seq ? other : one));
    this.#moveTo(oldest);
    this.epoch = incidents.epoch;
    const raised = this.alerts.load(alerts, this.incidents, this.areas, since);
    this.#alertUpdates.loadedAt(alerts.seq);
    const notice = again
      ? t("The map was loaded anew: changes while you were away could not be listed one by one.")
      : "";
    this.#changes.startAnew({ raised, notice });
    const held = this.#held ?? [];
    this.#held = null;
    for (const message of held) this.apply(message);
    this.#changes.wake();
  }

  /** Applies one message; ignores one whose `seq` was applied before. @param {Message} message */
  apply(message) {
    if (message.type === "hello") return this.#hello(message);
    if (this.#held) return void this.#held.push(message);
    if (message.type === "heartbeat") return this.finishReplay();
    if (message.seq <= (this.seq ?? -1)) return;
    if (this.#replay && message.seq > this.#replay.until) this.finishReplay();
    this.#moveTo(message);
    if (message.type === "post_save" || message.type === "post_delete") this.#featureMessage(message);
    else if (message.type !== "unknown" && message.type !== "erased") this.#alertUpdates.handle(message, this.#replay);
    if (this.#replay && message.seq >= this.#replay.until) this.finishReplay();
    this.#changes.wake();
  }

  /** Holds the messages that come from now on, until `load`. */
  hold() {
    this.#held ??= [];
  }

  /** @param {"incidents" | "areas"} collection @param {number} pk @returns {Feature | undefined} */
  find(collection, pk) {
    return this[collection].get(pk) ?? (collection === "incidents" ? this.closed?.get(pk) : undefined);
  }

  /**
   * Loads the closed incidents. Messages that arrive meanwhile have priority over the answer.
   * If the request fails, the store holds no closed incidents, and the error is thrown. If everything was loaded again
   * meanwhile, the answer is ignored.
   * @param {() => Promise<{features: Feature[]}>} fetchClosed
   */
  async loadClosed(fetchClosed) {
    const touched = new Set();
    const closed = new Map();
    this.#touched = touched;
    this.closed = closed;
    try {
      const { features } = await fetchClosed();
      if (this.closed !== closed) return;
      for (const feature of features) {
        const { pk } = feature.properties;
        if (!touched.has(pk)) closed.set(pk, feature);
      }
    } catch (error) {
      if (this.closed !== closed) return;
      this.closed = null;
      throw error;
    } finally {
      if (this.#touched === touched) this.#touched = null;
    }
    this.#tell({ closed: true });
  }

  /** @param {Connection} connection */
  setConnection(connection) {
    this.connection = connection;
    this.#tell({ connection: true });
  }

  /** Applies the server's answer about what this person has read. @param {{unread: number, read_seq: number}} answer */
  read(answer) {
    this.alerts.read(answer);
    this.#tell({ alerts: true });
  }

  /** Ends a replay whose last entry did not arrive, and sends its summary. */
  finishReplay() {
    if (!this.#replay) return;
    const { raised, sentence } = this.#replay;
    this.#replay = null;
    for (const pk of raised) this.#changes.pending.raised.add(pk);
    this.#tell(sentence ? { notice: sentence } : {});
  }

  /** @param {{seq: number, mark?: string}} place in the log */
  #moveTo({ seq, mark }) {
    this.seq = seq;
    this.mark = mark || null;
  }

  #hello({ seq, recovered, time = undefined, went_back: wentBack = false }) {
    setServerTime(time);
    if (wentBack) this.epoch = null; // so that the next `load` does not compare its numbers with those of the lost log
    const first = !this.#greeted;
    this.#greeted = true;
    this.#held = recovered ? null : [];
    if (recovered) this.#isKept = false;
    this.#replay = recovered && seq > (this.seq ?? seq) ? new Replay(seq, { first }) : null;
  }

  /** @param {Extract<Message, {type: "post_save" | "post_delete"}>} message */
  #featureMessage(message) {
    const { type, feature } = message;
    const created = message.type === "post_save" && message.created;
    const collection = MODELS[feature.properties.model];
    if (!collection) return;
    const { pk, closed } = feature.properties;
    const gone = type === "post_delete" || closed === true;
    if (this.#onlyAlerts)
      return void (
        collection === "incidents" && this.#alertUpdates.refresh(pk, gone ? null : feature, this.#replay, message.seq)
      );
    if (gone) this[collection].delete(pk);
    else this[collection].set(pk, feature);
    this.#changes.note(collection, pk, { gone });
    this.#replay?.count();
    if (collection === "areas") return;
    this.#touched?.add(pk);
    if (type === "post_save" && closed === true) this.closed?.set(pk, feature);
    else this.closed?.delete(pk);
    if (created && !gone && !this.#replay) this.#changes.pending.created.add(pk);
    this.#alertUpdates.refresh(pk, gone ? null : feature, this.#replay, message.seq);
  }

  #tell(change) {
    Object.assign(this.#changes.pending, change);
    this.#changes.wake();
  }
}
