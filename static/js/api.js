/** Calls of the JSON API, with the token that the page carries. */

/** An answer that is no success, as a sentence, with what is wrong with each field. */
export class ApiError extends Error {
  /** @param {string} sentence @param {number} status 0: there was no answer @param {Record<string, string>} [fields] */
  constructor(sentence, status, fields = {}) {
    super(sentence);
    this.status = status;
    this.fields = fields;
  }
}

const WORDS = { 0: "The server can't be reached.", 401: "You are signed out.", 403: "Your account may not do this." };

/**
 * @param {string} method @param {string} address @param {object} [body]
 * @returns {Promise<any>} the answer's JSON; null if it has none
 * @throws {ApiError}
 */
export async function call(method, address, body) {
  const token = document.querySelector("meta[name=csrf-token]")?.content ?? "";
  const headers = { Accept: "application/json", "X-CSRFToken": token, ...(body && { "Content-Type": "application/json" }) };
  let response;
  try {
    response = await fetch(address, { method, headers, body: body && JSON.stringify(body) });
  } catch {
    throw new ApiError(WORDS[0], 0);
  }
  const answer = response.status === 204 ? null : await response.json().catch(() => null);
  if (response.ok) return answer;
  throw new ApiError(WORDS[response.status] ?? answer?.error ?? `The server answered ${response.status}.`, response.status, answer?.fields);
}
