/**
 * Addresses of this tracker, which may be below a path of its host, beside other trackers. A browser's storage for the
 * host belongs to all of them.
 */

import { published } from "./published.js";

const { root } = published;

/** The address of a path of this tracker, such as a feature's `url`. @param {string} path */
export const within = (path) => root + path;

/** This tracker's own key in the browser's storage, which the whole host shares. @param {string} name */
export const ownName = (name) => (root ? `tracker ${root} ${name}` : `tracker.${name}`);
