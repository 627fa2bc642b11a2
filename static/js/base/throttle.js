/**
 * A pace for work that may come in bursts: never two at a time, and a rest as long as the work took, so that the page
 * does not freeze. Pure.
 */

const REST = 1; // wait as long as the last turn took before the next

export class Throttle {
  #work;
  #wait;
  #clock;
  #wanted = false;
  #running = false;

  /**
   * @param {() => Promise<unknown>} work
   * @param {(milliseconds: number) => Promise<void>} [wait]
   * @param {() => number} [clock] milliseconds
   */
  constructor(
    work,
    wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds)),
    clock = () => performance.now(),
  ) {
    this.#work = work;
    this.#wait = wait;
    this.#clock = clock;
  }

  /** Has the work done once more, soon: together for all who ask in the same turn or while it rests. */
  request() {
    this.#wanted = true;
    if (!this.#running) this.#run();
  }

  async #run() {
    this.#running = true;
    await null;
    while (this.#wanted) {
      this.#wanted = false;
      const began = this.#clock();
      await this.#workOnce();
      await this.#wait((this.#clock() - began) * REST);
    }
    this.#running = false;
  }

  async #workOnce() {
    try {
      await this.#work();
    } catch (error) {
      console.warn("A change could not be drawn:", error);
    }
  }
}
