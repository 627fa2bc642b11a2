/** The part of the map's address that names one incident: `#map=…&incident=7`. Pure. */

const parts = (hash) => hash.replace(/^#/, "").split("&").filter(Boolean);
const isIncident = (part) => part.startsWith("incident=");

/** @param {string} hash of the address @returns {number | null} the incident's number */
export function linkedIncident(hash) {
  const found = /^incident=(\d{1,15})$/.exec(parts(hash).find(isIncident) ?? "");
  return found ? Number(found[1]) : null;
}

/** The hash with another incident, or without one. @param {string} hash @param {number | null} pk */
export function withIncident(hash, pk) {
  const all = parts(hash).filter((part) => !isIncident(part));
  if (pk !== null) all.push(`incident=${pk}`);
  return all.length > 0 ? `#${all.join("&")}` : "";
}
