/** Runs on every page: follows sign-ins of other tabs, asks before typed text is lost, and rings the bell. */

import { showBell } from "../screen/bell.js";
import { followSession } from "../base/session.js";
import { watchForm } from "../base/unsaved.js";

followSession();
for (const form of document.querySelectorAll("form[data-keep]")) watchForm(form);
showBell();
