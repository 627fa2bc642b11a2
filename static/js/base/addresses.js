/**
 * Addresses of this tracker, which may be below a path of its host, beside other trackers. Those share with it what a
 * browser keeps for the host.
 */

import { published } from "./published.js";

const { root } = published;

/** The address of a path of this tracker, such as a feature's `url`. @param {string} path */
export const within = (path) => root + path;

/** This tracker's own name of something that a browser keeps for the whole host. @param {string} name */
export const ownName = (name) => (root ? `tracker ${root} ${name}` : `tracker.${name}`);
