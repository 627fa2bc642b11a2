/** Runs on every page: follows sign-ins of other tabs, and asks before typed text is lost. */

import { followSession } from "../base/session.js";
import { watchForm } from "../base/unsaved.js";

followSession();
for (const form of document.querySelectorAll("form[data-keep]")) watchForm(form);
