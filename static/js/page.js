/** What every page does: it follows who is signed in, and asks before what was typed in its forms is lost. */

import { followSession } from "./session.js";
import { watchForm } from "./unsaved.js";

followSession();
for (const form of document.querySelectorAll("form[data-keep]")) watchForm(form);
