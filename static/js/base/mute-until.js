/** The ends of mutes that a person can choose, in the time zone of the device. */

const MORNING_H = 8;
const MINUTE_MS = 60_000;

/** Tomorrow at 8:00, by the clock and the zone of this device. @param {Date} now */
export function tomorrowMorning(now) {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1, MORNING_H);
}

/**
 * The length of a mute, in minutes. The server counts them from its own clock, so a wrong clock of this device does not
 * shift the end by more than its error.
 * @param {string} choice "hour", "tomorrow" or "week" @param {Date} now
 */
export function muteMinutes(choice, now) {
  if (choice === "tomorrow") return Math.ceil((tomorrowMorning(now).getTime() - now.getTime()) / MINUTE_MS);
  return choice === "week" ? 7 * 24 * 60 : 60;
}
