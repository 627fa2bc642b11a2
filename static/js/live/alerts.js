/**
 * The open alerts, by incident, and how many this person has not read. Pure.
 * An alert is an episode: one incident in one area, from the first match until it no longer matches. Alerts of several
 * areas around one incident are shown together.
 */

/**
 * @typedef {import("./messages.js").Feature} Feature
 * @typedef {{by: string, at: string, note: string}} Acknowledgement at: ISO 8601
 * @typedef {object} AreaAlert
 * @property {number} id of the alert
 * @property {string} area id of the area's feature
 * @property {string} name
 * @property {string} severity from which the area alerts
 * @property {string} url
 * @property {boolean} muted it does not interrupt
 * @property {number} seq of the message that raised or escalated it last
 * @property {Acknowledgement | null} acknowledged
 * @typedef {{seq: number, feature: Feature, reason: string, areas: AreaAlert[]}} Alert seq: of the last message about
 *   it
 */

const keyOf = (id) => Number(id.slice(id.indexOf(":") + 1));

/** Whether nobody has acknowledged ("I have it") an alert that is not muted. @param {AreaAlert} area */
export const isWaiting = ({ muted, acknowledged }) => !muted && !acknowledged;

/**
 * The last acknowledgement of an incident's alerts; null if one of them is not acknowledged.
 * @param {Pick<Alert, "areas">} alert
 */
export function whoHasIt({ areas }) {
  const acknowledgements = areas.map(({ acknowledged }) => acknowledged);
  return acknowledgements.some((each) => !each)
    ? null
    : (acknowledgements.sort((a, b) => (a.at < b.at ? 1 : -1))[0] ?? null);
}

export class Alerts {
  /** @type {Map<number, Alert>} by the incident's primary key, the newest last */ byIncident = new Map();
  /** @type {number} the log entry up to which this person has read */ readSeq = 0;
  /** @type {Map<number, number>} seq of what is unread, by alert */ #unread = new Map();
  #unreadPast = 0;

  /** How many alerts were raised or escalated since this person looked. */
  get unread() {
    return this.#unread.size + this.#unreadPast;
  }

  /** How many of the open alerts are neither muted nor acknowledged. */
  get waiting() {
    return [...this.byIncident.values()].flatMap(({ areas }) => areas).filter(isWaiting).length;
  }

  /**
   * Replaces all alerts by the answer of /api/alerts/.
   * @param {{alerts: any[], unread: number, read_seq: number}} answer
   * @param {Map<number, Feature>} incidents @param {Map<number, Feature>} areas the loaded ones
   * @param {number} since a log entry: alerts that were raised after it, and wait, interrupt
   * @returns {Set<number>} incidents whose alerts interrupt, the oldest first
   */
  load({ alerts, unread, read_seq: readSeq }, incidents, areas, since = Infinity) {
    this.byIncident = new Map();
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
      if (alert.raised_seq > since && isWaiting(areaAlert)) interrupting.add(pk);
    }
    const open = alerts.filter((alert) => !alert.muted && alert.raised_seq > readSeq);
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
   * @returns {boolean} whether it interrupts: an area that is not muted was raised or escalated
   */
  take({ seq, feature, reason = "raised", areas_of_interest: areas }) {
    const { pk } = feature.properties;
    const before = this.byIncident.get(pk);
    const known = new Map((before?.areas ?? []).map((area) => [area.id, area]));
    const raised = areas.filter((area) => (area.reason ?? reason) !== "updated");
    for (const area of areas)
      known.set(area.alert, fromMessage(area, seq, raised.includes(area) ? null : known.get(area.alert)));
    this.byIncident.delete(pk);
    this.byIncident.set(pk, {
      seq,
      feature,
      reason: raised.length > 0 ? reason : (before?.reason ?? reason),
      areas: [...known.values()],
    });
    const interrupting = raised.filter(({ muted }) => !muted);
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

  /** Handles an `alert_acknowledged` message. @returns {Feature[]} the incidents that it is about */
  acknowledge({ alerts, by, at, note }) {
    const about = new Set();
    for (const { id, incident } of alerts) {
      const alert = this.byIncident.get(keyOf(incident));
      const area = alert?.areas.find((each) => each.id === id);
      if (!area) continue;
      area.acknowledged = { by, at, note };
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
    seq: alert.raised_seq,
    acknowledged,
  };
}

/** @returns {AreaAlert} */
function fromMessage({ alert, id, name, severity, url, muted = false }, seq, before) {
  return {
    id: alert,
    area: id,
    name,
    severity,
    url,
    muted,
    seq: before?.seq ?? seq,
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
