/** A history of states, for undo and redo. Pure. */

const MAX_STATES = 200; // more steps than a person undoes

/** @template State */
export class History {
  #states;
  #index = 0;

  /** @param {State} initial */
  constructor(initial) {
    this.#states = [initial];
  }

  get current() {
    return this.#states[this.#index];
  }

  get canUndo() {
    return this.#index > 0;
  }

  get canRedo() {
    return this.#index < this.#states.length - 1;
  }

  /** Adds a new state, and drops those that were undone. @param {State} state */
  push(state) {
    this.#states = [...this.#states.slice(0, this.#index + 1), state].slice(-MAX_STATES);
    this.#index = this.#states.length - 1;
  }

  /** @returns {State} the state before, or the current one if it is the first */
  undo() {
    if (this.canUndo) this.#index -= 1;
    return this.current;
  }

  /** @returns {State} the state that was undone last, or the current one */
  redo() {
    if (this.canRedo) this.#index += 1;
    return this.current;
  }
}
