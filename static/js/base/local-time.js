/** Converts between ISO 8601 and the value of a datetime-local field, which is in the device's zone. Pure. */

const pad = (number) => String(number).padStart(2, "0");

/** @param {string} iso "" or ISO 8601 @returns {string} "" for other text */
export function toLocal(iso) {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return "";
  const year = String(time.getFullYear()).padStart(4, "0");
  return `${year}-${pad(time.getMonth() + 1)}-${pad(time.getDate())}T${pad(time.getHours())}:${pad(time.getMinutes())}`;
}

/** @param {string} value of the field @returns {string} ISO 8601 in UTC, or "" */
export const fromLocal = (value) => (value ? new Date(value).toISOString() : "");

/** The offset from UTC at a moment, like UTC+05:30. @param {Date} time */
export function offsetWords(time) {
  const minutes = -time.getTimezoneOffset();
  const size = Math.abs(minutes);
  return `UTC${minutes < 0 ? "\u2212" : "+"}${pad(Math.floor(size / 60))}:${pad(size % 60)}`;
}
