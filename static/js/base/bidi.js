/** Text of people within sentences of ours: its direction of writing is its own and leaves the sentence alone. Pure. */

const FIRST_STRONG_ISOLATE = "\u2068";
const POP_ISOLATE = "\u2069";
const CONTROLS = /[\u202a-\u202e\u2066-\u2069]/g; // with these a name could break out of the isolate

/** For texts without elements; where there are any, <bdi> does the same. @param {string} text */
export const isolate = (text) => `${FIRST_STRONG_ISOLATE}${String(text).replace(CONTROLS, "")}${POP_ISOLATE}`;
