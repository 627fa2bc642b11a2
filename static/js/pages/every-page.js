/**
 * Runs on every page: follows sign-ins of other tabs, shows problems of forms, and asks before typed text is lost. It
 * also shows the bell, and times as people read them.
 * A page without a sign-in deletes what the browser keeps of the map.
 */

import { published } from "../base/published.js";
import { setPageTime } from "../base/server-clock.js";
import { showTimes } from "../screen/page-times.js";
import { showBell } from "../screen/bell.js";
import { watchCopies } from "../base/copy.js";
import { watchProblems } from "../base/form-problems.js";
import { followSession, mine, nobodyIsSignedIn } from "../base/session.js";
import { forgetState } from "../live/kept-state.js";
import { watchForm } from "../base/unsaved.js";

/** Deletes the state if nobody is signed in. The page of a service worker may be an old one, without an account. */
async function forgetWithoutSignIn() {
  if (mine().user) return;
  if (!navigator.serviceWorker?.controller || (await nobodyIsSignedIn())) await forgetState();
}

followSession();
forgetWithoutSignIn();
for (const form of document.querySelectorAll("form[data-signs-out]")) form.addEventListener("submit", forgetState);
watchProblems();
watchCopies();
for (const form of document.querySelectorAll("form[data-keep]")) watchForm(form);
showBell();
setPageTime(published.time);
showTimes();

const live = document.getElementById("live");
if (live) import("../screen/alerts-on-page.js").then(({ showAlertsOnPage }) => showAlertsOnPage(live.dataset));
