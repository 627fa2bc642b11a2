/**
 * The open alerts, by incident, what this person has not read, and the areas that this person has muted. Pure.
 * An alert is an episode: one incident in one area, from the first match until it no longer matches. Alerts of several
 * areas around one incident are shown together.
 */

import { severityCoded } from "../base/severity.js";
import { isQuiet, isUnacknowledged, stateOf } from "./alert-order.js";

/**
 * @typedef {import("./messages.js").Feature} Feature
 * @typedef {{by: string, at: string, note: string}} Acknowledgement at: ISO 8601
 * @typedef {object} AreaAlert
 * @property {number} id of the alert
 * @property {string} area id of the area's feature
 * @property {string} name
 * @property {string} severity from which the area alerts
 * @property {string} url
 * @property {boolean} muted the area was muted for everybody when the alert was raised
 * @property {boolean} mutedForMe this person has muted the area
 * @property {string} raised ISO 8601
 * @property {number} seq of the message that raised, escalated or released it last
 * @property {number} changed seq of the message that last changed who has acknowledged it; 0: none
 * @property {Acknowledgement | null} acknowledged
 * @typedef {{seq: number, feature: Feature, reason: string, areas: AreaAlert[]}} Alert seq: of the last message about
 *   it
 * @typedef {{area: string, until: string, since: number, reason?: string}} PersonalMute since: the log entry with which
 *   it began
 * @typedef {{alerts: any[], unread: number, read_seq: number, unacknowledged?: number, account?: number,
 *   account_name?: string, personal_mutes?: PersonalMute[]}} Answer of /api/alerts/
 */

const keyOf = (id) => Number(id.slice(id.indexOf(":") + 1));
const URGENT = severityCoded("UR").name; // interrupts in spite of every mute

export class Alerts {
  /** @type {Map<number, Alert>} by the incident's primary key, the newest last */ byIncident = new Map();
  /** @type {number} the log entry up to which this person has read */ readSeq = 0;
  /** @type {Map<number, number>} seq of what is unread, by alert */ #unread = new Map();
  #unreadPast = 0;
  /** @type {number | null} the id of this person's account */ account = null;
  /** The name of this person's account. */ name = "";
  /** @type {Map<string, PersonalMute>} by the id of the area's feature */ mutes = new Map();
  /** Incidents that count, beyond those that the answer lists. */ #beyond = 0;

  /** How many alerts were raised or escalated since this person looked. */
  get unread() {
    return this.#unread.size + this.#unreadPast;
  }

  /**
   * The number that the badge, the panel and the pages show: incidents with an open alert that is neither acknowledged
   * nor muted. It is the same as `unacknowledged` in domain/incident_alerts.py.
   */
  get unacknowledged() {
    return this.#listed + this.#beyond;
  }

  get #listed() {
    return [...this.byIncident.values()].filter((alert) => stateOf(alert) === "unacknowledged").length;
  }

  /**
   * Replaces all alerts by the answer of /api/alerts/.
   * @param {Answer} answer
   * @param {Map<number, Feature>} incidents @param {Map<number, Feature>} areas the loaded ones
   * @param {number} since a log entry: unacknowledged alerts that were raised after it interrupt
   * @returns {Set<number>} incidents whose alerts interrupt, the oldest first
   */
  load(answer, incidents, areas, since = Infinity) {
    const { alerts, unread, read_seq: readSeq, personal_mutes: mutes = [], account = null } = answer;
    this.byIncident = new Map();
    this.account = account;
    this.name = answer.account_name ?? "";
    const ended = [...this.mutes.values()].filter(({ area }) => !mutes.some((mute) => mute.area === area));
    this.mutes = new Map(mutes.map((mute) => [mute.area, mute]));
    const interrupting = new Set();
    for (const alert of [...alerts].sort((a, b) => a.raised_seq - b.raised_seq)) {
      const pk = keyOf(alert.incident);
      const known = this.byIncident.get(pk);
      this.byIncident.delete(pk); // so that the newest is the last
      const areaAlert = fromAnswer(alert, areas.get(keyOf(alert.area)));
      this.byIncident.set(pk, {
        seq: alert.raised_seq,
        feature: incidents.get(pk) ?? standIn(alert, pk),
        reason: "raised",
        areas: [...(known?.areas ?? []), areaAlert],
      });
      this.#applyMutes(this.byIncident.get(pk));
      const from = Math.min(since, ...ended.filter(({ area }) => area === alert.area).map((mute) => mute.since));
      if (alert.raised_seq > from && isUnacknowledged(areaAlert)) interrupting.add(pk);
    }
    this.#beyond = Math.max(0, (answer.unacknowledged ?? 0) - this.#listed);
    const areaAlerts = [...this.byIncident.values()].flatMap((alert) => alert.areas);
    const quiet = new Set(areaAlerts.filter(isQuiet).map(({ id }) => id));
    const open = alerts.filter((alert) => !quiet.has(alert.id) && alert.raised_seq > readSeq);
    this.#unread = new Map(open.map(({ id, raised_seq: seq }) => [id, seq]));
    this.read({ unread, read_seq: readSeq });
    return interrupting;
  }

  /** Applies the server's answer about what this person has read. @param {{unread: number, read_seq: number}} answer */
  read({ unread, read_seq: readSeq }) {
    this.readSeq = readSeq;
    for (const [id, seq] of this.#unread) if (seq <= readSeq) this.#unread.delete(id);
    this.#unreadPast = Math.max(0, unread - this.#unread.size);
  }

  /** Whether all unread alerts are about these incidents. @param {Iterable<number>} keys */
  areAllUnread(keys) {
    const ids = [...keys].flatMap((pk) => this.byIncident.get(pk)?.areas ?? []).map(({ id }) => id);
    const seen = ids.filter((id) => this.#unread.has(id));
    return seen.length === this.unread;
  }

  /**
   * Handles an `alert` message.
   * @returns {boolean} whether it interrupts: the alert of an area that is not muted was raised or escalated
   */
  take({ seq, feature, reason = "raised", areas_of_interest: areas }) {
    const { pk, updated } = feature.properties;
    const before = this.byIncident.get(pk);
    const known = new Map((before?.areas ?? []).map((area) => [area.id, area]));
    const raised = areas.filter((area) => (area.reason ?? reason) !== "updated");
    for (const area of areas)
      known.set(area.alert, fromMessage(area, seq, updated, raised.includes(area) ? null : known.get(area.alert)));
    this.byIncident.delete(pk);
    this.byIncident.set(pk, {
      seq,
      feature,
      reason: raised.length > 0 ? reason : (before?.reason ?? reason),
      areas: [...known.values()],
    });
    this.#applyMutes(this.byIncident.get(pk));
    const interrupting = raised.filter(({ alert }) => !isQuiet(known.get(alert)));
    for (const { alert } of interrupting) this.#unread.set(alert, seq);
    return interrupting.length > 0;
  }

  /** Handles an `alert_cleared` message. @returns {number[]} incidents that have no alert any more */
  clear({ alerts }) {
    for (const { id, incident } of alerts) {
      const alert = this.byIncident.get(keyOf(incident));
      if (alert) alert.areas = alert.areas.filter((area) => area.id !== id);
    }
    const keys = alerts.map(({ incident }) => keyOf(incident));
    return keys.filter((pk) => this.byIncident.get(pk)?.areas.length === 0 && this.byIncident.delete(pk));
  }

  /** Replaces an incident that has changed. @param {Feature} feature */
  refresh(feature) {
    const alert = this.byIncident.get(feature.properties.pk);
    alert.feature = feature;
    this.#applyMutes(alert);
  }

  /** Handles an `alert_acknowledged` message. @returns {Feature[]} the incidents that it is about */
  acknowledge({ seq, alerts, by, at, note }) {
    return this.#change(alerts, () => ({ acknowledged: { by, at, note }, changed: seq }));
  }

  /** Handles an `alert_released` message. @returns {Feature[]} the incidents that it is about */
  release({ seq, alerts }) {
    return this.#change(alerts, (area) => {
      if (!isQuiet(area)) this.#unread.set(area.id, seq);
      return { acknowledged: null, changed: seq, seq };
    });
  }

  /** Handles an `alert_handed_over` message. @returns {Feature[]} the incidents that it is about */
  handOver({ seq, alerts, to, at, note }) {
    return this.#change(alerts, ({ acknowledged }) => ({
      acknowledged: { by: to, at, note: note || (acknowledged?.note ?? "") },
      changed: seq,
    }));
  }

  /**
   * Handles a `personal_mute` message of this person.
   * @param {{area: string, until: string | null, since: number}} mute until: null when it has ended
   * @returns {number[]} incidents whose alerts interrupt now, because they were raised while the area was muted
   */
  mute({ area, until, since }) {
    if (until === null) this.mutes.delete(area);
    else this.mutes.set(area, { ...this.mutes.get(area), area, until, since });
    const about = [...this.byIncident.values()].filter((alert) => alert.areas.some((each) => each.area === area));
    for (const alert of about) this.#applyMutes(alert);
    const due = (each) => each.area === area && each.seq > since && isUnacknowledged(each);
    const announced = until === null ? about.filter((alert) => alert.areas.some(due)) : [];
    return announced.map(({ feature }) => feature.properties.pk);
  }

  /** Marks the alerts of an incident that are muted for this person. @param {Alert} alert */
  #applyMutes({ feature, areas }) {
    const isUrgent = feature.properties.severity === URGENT;
    for (const area of areas) area.mutedForMe = !isUrgent && this.mutes.has(area.area);
  }

  /** @param {{id: number, incident: string}[]} pairs @param {(area: AreaAlert) => Partial<AreaAlert>} changeOf */
  #change(pairs, changeOf) {
    const about = new Set();
    for (const { id, incident } of pairs) {
      const alert = this.byIncident.get(keyOf(incident));
      const area = alert?.areas.find((each) => each.id === id);
      if (!area) continue;
      Object.assign(area, changeOf(area));
      about.add(alert.feature);
    }
    return [...about];
  }
}

/** @returns {AreaAlert} */
function fromAnswer(alert, area) {
  const { severity = "", url = `/tracker/area_of_interest/${keyOf(alert.area)}/` } = area?.properties ?? {};
  const acknowledged = alert.acknowledged
    ? { by: alert.acknowledged_by, at: alert.acknowledged, note: alert.note }
    : null;
  return {
    id: alert.id,
    area: alert.area,
    name: alert.area_name,
    severity,
    url,
    muted: alert.muted,
    mutedForMe: false,
    raised: alert.raised,
    seq: alert.raised_seq,
    changed: alert.acknowledged_seq ?? 0,
    acknowledged,
  };
}

/** @returns {AreaAlert} */
function fromMessage({ alert, id, name, severity, url, muted = false, raised }, seq, updated, before) {
  return {
    id: alert,
    area: id,
    name,
    severity,
    url,
    muted,
    mutedForMe: false,
    raised: raised ?? before?.raised ?? updated, // an older server does not say it
    seq: before?.seq ?? seq,
    changed: before?.changed ?? 0,
    acknowledged: before?.acknowledged ?? null,
  };
}

/**
 * A placeholder for an incident that was stored after the collection was read. Its own message replaces it.
 * @returns {Feature}
 */
function standIn({ incident, incident_name: name, severity, raised }, pk) {
  const properties = {
    model: "Incident",
    pk,
    name,
    severity,
    happened: raised,
    created: raised,
    updated: raised,
    closed: false,
    url: `/tracker/incident/${pk}/`,
  };
  return { type: "Feature", id: incident, geometry: null, properties };
}
