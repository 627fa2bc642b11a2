/**
 * Applies alert messages to the open alerts, and decides which alerts interrupt the reader. Those of a replay interrupt
 * together at its end. Pure.
 */

import { isWaiting } from "./alerts.js";
import { isolate } from "../base/bidi.js";

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
    else this.#acknowledge(message, replay);
  }

  /**
   * Updates an incident's alert after the incident has changed.
   * @param {number} pk
   * @param {import("./messages.js").Feature | null} feature null if it was deleted
   * @param {Replay | null} replay
   */
  refresh(pk, feature, replay) {
    const alert = this.#alerts.byIncident.get(pk);
    if (!alert) return;
    this.#changes.pending.alerts = true;
    if (feature) alert.feature = feature;
    else this.#remove([pk], replay);
  }

  #raise(message, replay) {
    if (!this.#alerts.take(message)) return;
    const { pk } = message.feature.properties;
    const { raised } = replay ?? this.#changes.pending;
    raised.delete(pk);
    raised.add(pk);
  }

  #acknowledge(message, replay) {
    const features = this.#alerts.acknowledge(message);
    for (const {
      properties: { pk },
    } of features) {
      if (!this.#alerts.byIncident.get(pk).areas.some(isWaiting)) this.#withdraw(pk, replay);
    }
    if (replay || features.length === 0) return;
    const what = features.length === 1 ? isolate(features[0].properties.name) : `${features.length} incidents`;
    const note = message.note ? ` (${isolate(message.note)})` : "";
    this.#changes.pending.notice = `${isolate(message.by)} has it: ${what}${note}`;
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
