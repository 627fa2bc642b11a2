/**
 * Keeps the tabs of one browser informed about the signed-in account.
 * Each page announces its account when it opens. The other tabs take its CSRF token, because their own ended with the
 * earlier sign-in. If it is another account, they show that nothing can be saved in them.
 */

import { t } from "./translate.js";
import { ownName } from "./addresses.js";
import { isolate } from "./bidi.js";
import { element } from "./elements.js";

const CHANNEL = ownName("session");

/** @typedef {{user: string, token: string}} SignIn user: a name, "" if nobody is signed in */

const meta = (name, root = document) => root.querySelector(`meta[name="${name}"]`);

/** @returns {SignIn} */
const readSignIn = (root) => ({
  user: meta("user", root)?.content ?? "",
  token: meta("csrf-token", root)?.content ?? "",
});

/** The account that this page was made for, and the token that it sends. */
export const mine = () => readSignIn(document);

/** The address of the sign-in form for a page that stays open. */
export const signInAddress = () => meta("user").dataset.signIn;

/** @type {Set<(other: string) => void>} */
const listeners = new Set();

/**
 * @param {(other: string) => void} listener called after a sign-in: with "", or with the name of another account
 * @returns {() => void} stops it
 */
export function onSignIn(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/**
 * The effect of another sign-in on this page. Pure.
 * @param {string} user of the page
 * @param {SignIn} found
 * @returns {"nobody" | "same" | "other"}
 */
export function compare(user, found) {
  if (!found.user) return "nobody";
  return user && found.user !== user ? "other" : "same";
}

/** The error of a call in a browser where another account has signed in meanwhile. */
export class OtherAccount extends Error {
  /** @param {string} other @param {string} user */
  constructor(other, user) {
    super(
      t("%(other)s is signed in now. Nothing was saved: sign in as %(user)s again.", {
        other: isolate(other),
        user: isolate(user),
      }),
    );
  }
}

function warn(other) {
  document.getElementById("other-account")?.remove();
  if (!other) return;
  const words = t("This browser is signed in as %(other)s now. This page is of %(user)s, and can save nothing.", {
    other: isolate(other),
    user: isolate(mine().user),
  });
  const reload = element("button", { type: "button" }, t("Reload"));
  reload.addEventListener("click", () => location.assign(location.pathname + location.search));
  document.body.append(
    element("div", { id: "other-account", class: "notice", role: "alert" }, element("span", {}, words), reload),
  );
}

function take(found) {
  const state = compare(mine().user, found);
  if (state === "nobody") return state;
  const other = state === "other" ? found.user : "";
  if (!other) {
    meta("csrf-token").content = found.token;
    for (const field of document.querySelectorAll("input[name=csrf_token]")) field.value = found.token;
  }
  warn(other);
  for (const listener of [...listeners]) listener(other);
  return state;
}

/** The server's page that names the signed-in account. Throws without a network. */
async function askServer() {
  const answer = await fetch(meta("user").dataset.signedIn, { cache: "no-store" });
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

/** Whether the server says now that nobody is signed in. False if it does not answer, or something else does. */
export async function nobodyIsSignedIn() {
  try {
    return meta("user", await askServer())?.content === "";
  } catch {
    return false;
  }
}

/** Asks the server for the signed-in account, and updates this page. @returns {Promise<"nobody" | "same" | "other">} */
export async function refresh() {
  const found = readSignIn(await askServer());
  const state = take(found);
  if (state === "other") throw new OtherAccount(found.user, mine().user);
  return state;
}

/** Announces this page's account to the other tabs, and listens to theirs. */
export function followSession() {
  if (!globalThis.BroadcastChannel) return; // then the page asks the server after it refused an outdated token
  const channel = new BroadcastChannel(CHANNEL);
  channel.addEventListener("message", ({ data }) => take(data));
  if (mine().user) channel.postMessage(mine());
}
