/** The end of a mute that lasts until tomorrow, in the time zone of the device. */

const MORNING_H = 8;

/** Tomorrow at 8:00, by the clock and the zone of this device. @param {Date} now */
export function tomorrowMorning(now) {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1, MORNING_H);
}
