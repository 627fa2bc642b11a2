/** When tomorrow begins for who sits before the screen, wherever the server stands. */

const MORNING_H = 8;

/** Tomorrow at 8:00, by the clock and the zone of this device. @param {Date} now */
export function tomorrowMorning(now) {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1, MORNING_H);
}
