/**
 * Runs on every page: follows sign-ins of other tabs, shows problems of forms, asks before typed text is lost, and
 * shows the bell.
 */

import { showBell } from "../screen/bell.js";
import { watchCopies } from "../base/copy.js";
import { watchProblems } from "../base/form-problems.js";
import { followSession } from "../base/session.js";
import { watchForm } from "../base/unsaved.js";

followSession();
watchProblems();
watchCopies();
for (const form of document.querySelectorAll("form[data-keep]")) watchForm(form);
showBell();

const live = document.getElementById("live");
if (live) import("../screen/alerts-on-page.js").then(({ showAlertsOnPage }) => showAlertsOnPage(live.dataset));
