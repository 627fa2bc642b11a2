/** Random keys by which the server recognises a request that it gets twice. Pure. */

const MOST = 100; // requests that may be sent again

/** A new key. It does not use randomUUID, which browsers have on https only. */
export const newKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Gives each attempt of one request the same key. */
export class IdempotencyKeys {
  #keys = new Map();
  #make;

  /** @param {() => string} [make] */
  constructor(make = newKey) {
    this.#make = make;
  }

  /** @param {string} request @returns {string} */
  keyOf(request) {
    if (!this.#keys.has(request) && this.#keys.size >= MOST) this.#keys.delete(this.#keys.keys().next().value);
    if (!this.#keys.has(request)) this.#keys.set(request, this.#make());
    return this.#keys.get(request);
  }

  /**
   * Forgets the key of a request that the server has answered; the same request later gets another key.
   * @param {string} request
   */
  done(request) {
    this.#keys.delete(request);
  }
}
