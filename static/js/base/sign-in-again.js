/** Asks a person whose session has ended to sign in, in another tab. So the page keeps its unsaved work. */

import { t } from "./translate.js";
import { isolate } from "./bidi.js";
import { element } from "./elements.js";
import { mine, onSignIn, refresh, signInAddress } from "./session.js";

/** @type {Promise<boolean> | null} while the dialog is open */
let asking = null;

function makeDialog() {
  const problem = element("p", { class: "field-error", role: "alert", hidden: "" });
  const link = element(
    "a",
    { class: "button primary", href: signInAddress(), target: "_blank" },
    t("Sign in, in a new tab"),
  );
  const later = element("button", { type: "button" }, t("Not now"));
  const dialog = element(
    "dialog",
    { id: "sign-in-again", "aria-labelledby": "sign-in-again-title" },
    element("h2", { id: "sign-in-again-title" }, t("You are signed out")),
    element(
      "div",
      { class: "stack" },
      element("p", {}, t("What you have typed or drawn stays here. Sign in, come back, and continue.")),
      problem,
      element("p", { class: "form-actions" }, link, later),
    ),
  );
  return { dialog, problem, later };
}

/** @returns {Promise<boolean>} */
async function ask() {
  const { dialog, problem, later } = makeDialog();
  document.body.append(dialog);
  dialog.showModal();
  // For browsers without BroadcastChannel
  const looked = () => document.visibilityState === "visible" && refresh().catch(() => {});
  document.addEventListener("visibilitychange", looked);
  /** @type {() => void} */
  let stop;
  const done = await new Promise((resolve) => {
    stop = onSignIn((other) => {
      if (!other) return resolve(true);
      problem.textContent = t("%(other)s is signed in now. Sign in as %(user)s to save here.", {
        other: isolate(other),
        user: isolate(mine().user),
      });
      problem.hidden = false;
    });
    later.addEventListener("click", () => resolve(false));
    dialog.addEventListener("cancel", () => resolve(false));
  });
  stop();
  document.removeEventListener("visibilitychange", looked);
  dialog.remove();
  return done;
}

/** @returns {Promise<boolean>} whether the same person has signed in; false: not now */
export function signInAgain() {
  asking ??= ask().finally(() => (asking = null));
  return asking;
}

/** Whether a call was refused because its token belongs to an earlier sign-in. @param {Response} answer */
async function isStale(answer) {
  if (answer.status !== 400) return false;
  const said = await answer
    .clone()
    .json()
    .catch(() => null);
  return said?.fields?.csrf_token !== undefined;
}

/**
 * Sends a call. If it was refused because of the session, signs in again and sends it once more.
 * @param {() => Promise<Response>} send reads the token each time
 * @param {{asks: boolean}} options asks: whether a person who is signed out is asked to sign in, or the refusal is
 *   returned
 * @returns {Promise<Response>} throws OtherAccount
 */
export async function inSession(send, { asks }) {
  const answer = await send();
  const ended = answer.status === 401;
  if (!ended && !(await isStale(answer))) return answer;
  const current = !ended && (await refresh()) === "same";
  return current || (asks && (await signInAgain())) ? send() : answer;
}
