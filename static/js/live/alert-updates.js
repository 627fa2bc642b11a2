/**
 * Applies alert messages to the open alerts, and decides which alerts interrupt the reader. Those of a replay interrupt
 * together at its end. Pure.
 */

import { isUnacknowledged } from "./alert-order.js";
import { isolate } from "../base/bidi.js";
import { t, tn } from "../base/translate.js";

/** @typedef {import("./replay.js").Replay} Replay */

export class AlertUpdates {
  #alerts;
  #changes;
  #loadedSeq = -1;

  /** @param {import("./alerts.js").Alerts} alerts @param {import("./changes.js").Changes} changes */
  constructor(alerts, changes) {
    this.#alerts = alerts;
    this.#changes = changes;
  }

  /** Sets the log entry up to which the open alerts were loaded. Earlier messages are ignored. @param {number} seq */
  loadedAt(seq) {
    this.#loadedSeq = seq;
  }

  /**
   * @param {import("./messages.js").Message} message one about alerts
   * @param {Replay | null} replay that it is part of
   */
  handle(message, replay) {
    if (message.seq <= this.#loadedSeq) return;
    this.#changes.pending.alerts = true;
    if (message.type === "alert") this.#raise(message, replay);
    else if (message.type === "alert_cleared") this.#remove(this.#alerts.clear(message), replay);
    else if (message.type === "alert_released") this.#release(message, replay);
    else if (message.type === "personal_mute") this.#mute(message, replay);
    else this.#acknowledge(message, replay);
  }

  /**
   * Updates an incident's alert after the incident has changed.
   * @param {number} pk
   * @param {import("./messages.js").Feature | null} feature null if it was deleted
   * @param {Replay | null} replay
   * @param {number} [seq] of the change. If the alerts were loaded after it, the incident was alerted anew since
   */
  refresh(pk, feature, replay, seq = Infinity) {
    const alert = this.#alerts.byIncident.get(pk);
    if (!alert || (!feature && seq <= this.#loadedSeq)) return;
    this.#changes.pending.alerts = true;
    if (feature) this.#alerts.refresh(feature);
    else this.#remove([pk], replay);
  }

  #raise(message, replay) {
    if (this.#alerts.take(message)) this.#interrupt([message.feature.properties.pk], replay);
  }

  /** @param {Iterable<number>} keys @param {Replay | null} replay */
  #interrupt(keys, replay) {
    const { raised } = replay ?? this.#changes.pending;
    for (const pk of keys) {
      raised.delete(pk);
      raised.add(pk);
    }
  }

  /** Handles an acknowledgement or a hand-over. */
  #acknowledge(message, replay) {
    const isHandedOver = message.type === "alert_handed_over";
    const features = isHandedOver ? this.#alerts.handOver(message) : this.#alerts.acknowledge(message);
    this.#withdrawQuiet(features, replay);
    const values = {
      by: isolate(message.by),
      to: isolate(message.to ?? ""),
      what: whatWords(features),
      note: isolate(message.note),
    };
    this.#tell(features, isHandedOver ? handOverWords(values) : acknowledgedWords(values), replay);
  }

  #release(message, replay) {
    const features = this.#alerts.release(message);
    const open = features.map(({ properties: { pk } }) => this.#alerts.byIncident.get(pk));
    const others = message.by === this.#alerts.name ? [] : open.filter(({ areas }) => areas.some(isUnacknowledged));
    this.#interrupt(
      others.map(({ feature }) => feature.properties.pk),
      replay,
    );
    const words = t("%(by)s released: %(what)s", { by: isolate(message.by), what: whatWords(features) });
    this.#tell(features, words, replay);
  }

  #mute(message, replay) {
    if (message.account !== this.#alerts.account) return;
    this.#interrupt(this.#alerts.mute(message), replay);
    this.#withdrawQuiet(
      [...this.#alerts.byIncident.values()].map(({ feature }) => feature),
      replay,
    );
  }

  /** @param {import("./messages.js").Feature[]} features @param {string} words @param {Replay | null} replay */
  #tell(features, words, replay) {
    if (!replay && features.length > 0) this.#changes.pending.notice = words;
  }

  /** Lets those of these incidents interrupt no more that have no unacknowledged alert. */
  #withdrawQuiet(features, replay) {
    for (const { properties } of features)
      if (!this.#alerts.byIncident.get(properties.pk).areas.some(isUnacknowledged))
        this.#withdraw(properties.pk, replay);
  }

  /** Removes the alerts of these incidents. */
  #remove(keys, replay) {
    for (const pk of keys) {
      this.#alerts.byIncident.delete(pk);
      this.#withdraw(pk, replay);
    }
  }

  #withdraw(pk, replay) {
    this.#changes.pending.raised.delete(pk);
    replay?.raised.delete(pk);
  }
}

const EMPTY = isolate("");

/** @param {import("./messages.js").Feature[]} features */
const whatWords = (features) =>
  features.length === 1
    ? isolate(features[0].properties.name)
    : tn("%(n)s incident", "%(n)s incidents", features.length);

const acknowledgedWords = (values) =>
  values.note === EMPTY
    ? t("Acknowledged by %(by)s: %(what)s", values)
    : t("Acknowledged by %(by)s: %(what)s (%(note)s)", values);

const handOverWords = (values) =>
  values.note === EMPTY
    ? t("%(by)s handed over to %(to)s: %(what)s", values)
    : t("%(by)s handed over to %(to)s: %(what)s (%(note)s)", values);
