/** Random keys, by which the server knows a request that comes twice. Pure. */

const MOST = 100; // intentions that wait for another try

/** Not randomUUID: that one needs https. */
export const newKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Gives what is to be done once the same key for each try. */
export class IdempotencyKeys {
  #keys = new Map();
  #make;

  /** @param {() => string} [make] */
  constructor(make = newKey) {
    this.#make = make;
  }

  /** @param {string} intention @returns {string} */
  keyOf(intention) {
    if (!this.#keys.has(intention) && this.#keys.size >= MOST) this.#keys.delete(this.#keys.keys().next().value);
    if (!this.#keys.has(intention)) this.#keys.set(intention, this.#make());
    return this.#keys.get(intention);
  }

  /** The server has answered: the same, wanted again, is another intention. @param {string} intention */
  done(intention) {
    this.#keys.delete(intention);
  }
}
