/**
 * The reports of this device. It keeps each until the server has it. Several attempts store it once.
 * Knows neither the page nor the network: it gets a storage (localStorage) and a function that sends.
 *
 * Each report is an item of its own, by its idempotency key, so that two tabs don't overwrite each other. If both send
 * the same one, the server stores it once.
 */

import { ownName } from "../base/addresses.js";

const PREFIX = ownName("report.");
const MAX_AGE_MS = 30 * 24 * 3600 * 1000; // a longer wait means that a clock was set
const SENT_KEPT_MS = 24 * 3600 * 1000; // a sent report is listed for a day

/**
 * @typedef {Record<string, string>} Fields as the form sends them
 * @typedef {{state: "waiting" | "sent" | "refused", note?: string, number?: number, error?: string,
 *   problems?: Record<string, string>}}
 *   Outcome
 * @typedef {Outcome & {key: string, name: string, written: number, fields: Fields}} Entry
 */

export class Outbox {
  #storage;
  #send;
  #now;
  #running;
  #begun = new Map(); // when a report of this page was written, by the monotonic clock
  #listeners = new Set();
  /** @type {Promise<void> | null} */
  #flushing = null;
  #unkept = new Map(); // reports that the storage refused (it is full, or forbidden); they live as long as the page

  /**
   * @param {Pick<Storage, "getItem" | "setItem" | "removeItem">} storage whose keys are its own properties
   * @param {(fields: Fields) => Promise<Outcome>} send never rejects
   * @param {() => number} [now] the device's clock, ms
   * @param {() => number} [running] the monotonic clock, ms; it may stand still while the device sleeps
   */
  constructor(storage, send, now = Date.now, running = () => performance.now()) {
    this.#storage = storage;
    this.#send = send;
    this.#now = now;
    this.#running = running;
  }

  /** @param {() => void} listener called after every change */
  subscribe(listener) {
    this.#listeners.add(listener);
  }

  /** @returns {Entry[]} oldest first */
  entries() {
    const kept = Object.keys(this.#storage).filter((name) => name.startsWith(PREFIX));
    const all = [...this.#unkept.values(), ...kept.map((name) => this.#read(name)).filter(Boolean)];
    return all.sort((a, b) => a.written - b.written);
  }

  /** @param {string} key @returns {Entry | null} */
  get(key) {
    return this.#unkept.get(key) ?? this.#read(PREFIX + key);
  }

  /** Whether closing the page now would lose a report. */
  get atRisk() {
    return this.#unkept.size > 0;
  }

  get waiting() {
    return this.entries().filter(({ state }) => state === "waiting");
  }

  /**
   * Keeps a report. It is sent by the next `flush`.
   * @param {Fields} fields with a `key` of its own @param {number} [age] ms since it was first written
   */
  add(fields, age = 0) {
    this.#begun.set(fields.key, this.#running() - age);
    this.#write({ key: fields.key, name: fields.name, written: this.#now() - age, state: "waiting", fields });
  }

  /**
   * How long ago a report was written, in ms, by two clocks. The device's clock may be set meanwhile. The monotonic one
   * knows only the reports of this page, and may stand still while the device sleeps.
   * @param {{key: string, written: number}} entry
   */
  age({ key, written }) {
    const begun = this.#begun.get(key);
    const running = begun === undefined ? 0 : this.#running() - begun;
    const byClock = this.#now() - written || 0;
    return byClock > MAX_AGE_MS && begun !== undefined ? running : Math.max(0, byClock, running);
  }

  /** @param {string} key */
  remove(key) {
    this.#unkept.delete(key);
    this.#storage.removeItem(PREFIX + key);
    this.#tell();
  }

  /** Tries to send the waiting reports in sequence, oldest first; stops at the first that finds no network. */
  flush() {
    this.#flushing ??= this.#run().finally(() => (this.#flushing = null));
    return this.#flushing;
  }

  /** Drops reports that were sent long ago. */
  tidy() {
    for (const { key, state, written } of this.entries()) {
      if (state === "sent" && this.#now() - written > SENT_KEPT_MS) this.remove(key);
    }
  }

  async #run() {
    const tried = new Set();
    // read each time, because one may have been added meanwhile
    const next = () => this.waiting.find(({ key }) => !tried.has(key));
    for (let entry = next(); entry; entry = next()) {
      tried.add(entry.key);
      const outcome = await this.#send({ ...entry.fields, age: String(Math.round(this.age(entry) / 1000)) });
      if (!this.get(entry.key)) continue; // another tab has sent or removed it
      this.#write({ ...entry, ...outcome, fields: outcome.state === "sent" ? {} : entry.fields });
      if (outcome.state === "waiting") return;
    }
  }

  #read(name) {
    try {
      const entry = JSON.parse(this.#storage.getItem(name) ?? "null");
      return entry?.key && entry.fields ? entry : null;
    } catch {
      return null;
    }
  }

  #write(entry) {
    try {
      this.#storage.setItem(PREFIX + entry.key, JSON.stringify(entry));
      this.#unkept.delete(entry.key);
    } catch {
      this.#unkept.set(entry.key, entry);
    }
    this.#tell();
  }

  #tell() {
    for (const listener of this.#listeners) listener();
  }
}
