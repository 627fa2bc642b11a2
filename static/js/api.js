/** Calls of the JSON API, with the token that the page carries. */

import { Intentions } from "./keys.js";

/** An answer that is no success, as a sentence, with what is wrong with each field. */
export class ApiError extends Error {
  /** @param {string} sentence @param {number} status 0: there was no answer @param {any} [answer] its JSON */
  constructor(sentence, status, answer = null) {
    super(sentence);
    this.status = status;
    this.answer = answer;
    this.fields = answer?.fields ?? {};
  }
}

const WORDS = { 0: "The server can't be reached.", 401: "You are signed out.", 403: "Your account may not do this." };

const intentions = new Intentions();

/**
 * @param {string} method @param {string} address @param {object} [body]
 * @param {{key?: string}} [options] key: of what is to be done once; by default a POST with the same body is the same until it is answered
 * @returns {Promise<any>} the answer's JSON; null if it has none
 * @throws {ApiError}
 */
export async function call(method, address, body, { key } = {}) {
  const token = document.querySelector("meta[name=csrf-token]")?.content ?? "";
  const content = body && JSON.stringify(body);
  const intention = `${address} ${content}`;
  const headers = { Accept: "application/json", "X-CSRFToken": token, ...(body && { "Content-Type": "application/json" }) };
  if (method === "POST") headers["Idempotency-Key"] = key ?? intentions.keyOf(intention);
  let response;
  try {
    response = await fetch(address, { method, headers, body: content });
  } catch {
    throw new ApiError(WORDS[0], 0);
  }
  if (response.status < 500) intentions.done(intention);
  const answer = response.status === 204 ? null : await response.json().catch(() => null);
  if (response.ok) return answer;
  throw new ApiError(WORDS[response.status] ?? answer?.error ?? `The server answered ${response.status}.`, response.status, answer);
}
