/**
 * Limits how often work runs during a burst of requests. It never runs twice at a time, and the pause after each run is
 * as long as the run, so that the page stays responsive. Pure.
 */

const PAUSE_RATIO = 1; // of the pause to the duration of the run before it

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

  /** Requests one more run. All requests before that run begins share it. */
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
      await this.#wait((this.#clock() - began) * PAUSE_RATIO);
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
