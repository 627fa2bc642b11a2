/** Isolates a person's text within a sentence, so that a name written from right to left does not reorder it. Pure. */

const FIRST_STRONG_ISOLATE = "\u2068";
const POP_ISOLATE = "\u2069";
const CONTROLS = /[\u202a-\u202e\u2066-\u2069]/g; // with these a name could end its isolate

/** Isolates a text where no element can be used; elsewhere `<bdi>` does the same. @param {string} text */
export const isolate = (text) => `${FIRST_STRONG_ISOLATE}${String(text).replace(CONTROLS, "")}${POP_ISOLATE}`;
