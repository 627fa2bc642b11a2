/** Sends one report to the server, and returns the outcome. Knows neither the page nor the queue. */

import { t } from "../base/translate.js";

// a phone with a weak signal needs seconds for a few hundred bytes; after this it counts as offline
const PATIENCE_MS = 20_000;
const TOKEN = /<meta name="csrf-token" content="([^"]+)"/;
const TRY_LATER = new Set([408, 425, 429]); // and every 5xx

/** @typedef {import("./outbox.js").Outcome} Outcome */

/** @type {RequestInit} */
const reach = { cache: "no-store", credentials: "same-origin" };
/** @param {string} error @returns {Outcome} */
const waiting = (error) => ({ state: "waiting", error });

/**
 * @param {string} path of the report form, which gives the token and takes the report
 * @param {import("./outbox.js").Fields} fields
 * @param {typeof fetch} [ask]
 * @returns {Promise<Outcome>} never rejects
 */
export async function sendReport(path, fields, ask = fetch) {
  try {
    const page = await ask(path, {
      ...reach,
      headers: { Accept: "text/html" },
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (page.status === 403)
      return { state: "refused", error: t("Only people with an account can report here. Sign in first.") };
    const token = TOKEN.exec(await page.text())?.[1];
    // A hotel's sign-in page, a proxy's error
    if (!page.ok || !token) return waiting(t("The server does not answer as it should."));
    const body = new URLSearchParams({ ...fields, csrf_token: token });
    const answer = await ask(path, {
      ...reach,
      method: "POST",
      body,
      headers: { Accept: "application/json" },
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    return await outcome(answer);
  } catch {
    return waiting(t("No network."));
  }
}

/** @param {Response} answer @returns {Promise<Outcome>} */
async function outcome(answer) {
  const said = await answer.json().catch(() => null);
  if (answer.ok)
    return said?.stored
      ? { state: "sent", ...(said.note && { note: said.note }), ...(said.number && { number: said.number }) }
      : waiting(t("The server does not answer as it should."));
  if (answer.status >= 500 || TRY_LATER.has(answer.status)) return waiting(said?.error ?? t("The server is busy."));
  return {
    state: "refused",
    error: said?.error ?? t("The server refused it (%(status)s).", { status: answer.status }),
    problems: said?.fields ?? {},
  };
}
