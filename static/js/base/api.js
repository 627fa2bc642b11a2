/** Calls of the JSON API, with the page's CSRF token. */

import { t } from "./translate.js";
import { IdempotencyKeys } from "./idempotency-keys.js";
import { mine, OtherAccount } from "./session.js";
import { inSession } from "./sign-in-again.js";

/** An answer of the server that is no success: a sentence, and the problem of each field. */
export class ApiError extends Error {
  /** @param {string} sentence @param {number} status 0: there was no answer @param {any} [answer] its JSON */
  constructor(sentence, status, answer = null) {
    super(sentence);
    this.status = status;
    this.answer = answer;
    this.fields = answer?.fields ?? {};
  }
}

const WORDS = { 0: t("The server can't be reached."), 401: t("You are signed out.") };

const keys = new IdempotencyKeys();

/**
 * Calls the API. If the session has ended, or another one has begun, it signs in again and sends the call once more.
 * @param {string} method @param {string} address @param {object} [body]
 * @param {object} [options]
 * @param {string} [options.key] the idempotency key; by default a POST with the same body has the same one until its
 *   answer
 * @param {string} [options.ifMatch] a version: if it is not the present one, the call is refused with 412
 * @param {boolean} [options.asks] whether a person who is signed out is asked to sign in, beside the page
 * @returns {Promise<any>} the answer's JSON; null if it has none
 * @throws {ApiError}
 */
export async function call(method, address, body, { key, ifMatch, asks = true } = {}) {
  const content = body && JSON.stringify(body);
  const request = `${address} ${content}`;
  const once = method === "POST" && { "Idempotency-Key": key ?? keys.keyOf(request) };
  const send = () => {
    const headers = {
      Accept: "application/json",
      "X-CSRFToken": mine().token,
      ...(body && { "Content-Type": "application/json" }),
      ...(ifMatch && { "If-Match": `"${ifMatch}"` }),
      ...once,
    };
    return fetch(address, { method, headers, body: content });
  };
  let response;
  try {
    response = await inSession(send, { asks });
  } catch (error) {
    if (error instanceof OtherAccount) throw new ApiError(error.message, 403);
    throw new ApiError(WORDS[0], 0);
  }
  if (response.status < 500) keys.done(request);
  const answer = response.status === 204 ? null : await response.json().catch(() => null);
  if (response.ok) return answer;
  throw new ApiError(
    WORDS[response.status] ?? answer?.error ?? t("The server answered %(status)s.", { status: response.status }),
    response.status,
    answer,
  );
}
