/** What every page does: it follows who is signed in, and asks before what was typed in its forms is lost. */

import { followSession } from "../base/session.js";
import { watchForm } from "../base/unsaved.js";

followSession();
for (const form of document.querySelectorAll("form[data-keep]")) watchForm(form);
