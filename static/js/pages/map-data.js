/** Asks for what the map shows, before the modules of the map page have loaded. */

import { firstLoad } from "../live/first-load.js";

firstLoad();
