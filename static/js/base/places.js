/**
 * Finds populated places by a typed text or by a position. Pure. It needs no network: the list is a file of the package
 * in frontend/.
 */

import { fold } from "./folding.js";

/** @typedef {import("./geojson.js").Position} Position */
/** @typedef {{name: string, country: string, position: Position, population: number, capital: number}} Place */

const EARTH_RADIUS_KM = 6371;
const NEAR_KM = 30; // up to this distance a place is "near"; beyond, distance and direction are given
const FARTHEST_KM = 2000; // beyond this distance no town is named
const MARKS = /\p{M}/gu;
const DIRECTIONS = ["north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west"];
/** Countries whose names GeoNames writes with stress marks. The names in Latin letters have none. */
const STRESSED = new Set(["GR", "CY"]);

const plain = (text) => text.normalize("NFD").replace(MARKS, "").normalize("NFC");

/**
 * @param {{places: any[][], countries: Record<string, string>}} file places.json
 * @returns {Place[]} most people first
 */
export function readPlaces({ places, countries }) {
  return places.map(([name, code, longitude, latitude, population, capital]) => ({
    name: STRESSED.has(code) ? plain(name) : name,
    country: countries[code] ?? "",
    position: [longitude, latitude],
    population,
    capital,
  }));
}

/** @param {Place} place */
export const fullName = ({ name, country }) => (country && country !== name ? `${name}, ${country}` : name);

const words = (text) =>
  fold(text)
    .split(/[\s,.'/()-]+/)
    .filter(Boolean);

/**
 * Makes a search over places.
 * @param {Place[]} places most people first
 * @returns {(text: string, limit?: number) => Place[]} those that have, for every typed word, a word with this start;
 *   first those whose name starts with the whole text
 */
export function placeSearch(places) {
  const folded = places.map((place) => ` ${words(fullName(place)).join(" ")}`);
  return (text, limit = 6) => {
    const wanted = words(text);
    if (wanted.length === 0) return [];
    const first = [];
    const others = [];
    for (let index = 0; index < places.length && first.length < limit; index += 1) {
      if (!wanted.every((word) => folded[index].includes(` ${word}`))) continue;
      (folded[index].startsWith(` ${wanted.join(" ")}`) ? first : others).push(places[index]);
    }
    return [...first, ...others].slice(0, limit);
  };
}

const radians = (degrees) => (degrees * Math.PI) / 180;

/**
 * The way from one position to another, by the haversine formula.
 * @returns {{km: number, bearing: number}} degrees from north
 */
export function way([fromLongitude, fromLatitude], [toLongitude, toLatitude]) {
  const [from, to, east] = [radians(fromLatitude), radians(toLatitude), radians(toLongitude - fromLongitude)];
  const half = Math.sin((to - from) / 2) ** 2 + Math.cos(from) * Math.cos(to) * Math.sin(east / 2) ** 2;
  const bearing = Math.atan2(
    Math.sin(east) * Math.cos(to),
    Math.cos(from) * Math.sin(to) - Math.sin(from) * Math.cos(to) * Math.cos(east),
  );
  return {
    km: 2 * EARTH_RADIUS_KM * Math.asin(Math.min(1, Math.sqrt(half))),
    bearing: ((bearing * 180) / Math.PI + 360) % 360,
  };
}

/** @param {Place[]} places @param {Position} position @returns {Place | null} */
export function nearestPlace(places, position) {
  let nearest = null;
  let least = Infinity;
  for (const place of places) {
    const { km } = way(place.position, position);
    if (km < least) [nearest, least] = [place, km];
  }
  return nearest;
}

/**
 * Describes a position: "near Chania, Greece", or "140 km north of Tobruk, Libya". It is "" if no town is close enough.
 * @param {Place[]} places @param {Position} position
 */
export function whereabouts(places, position) {
  const place = nearestPlace(places, position);
  if (!place) return "";
  const { km, bearing } = way(place.position, position);
  if (km > FARTHEST_KM) return "";
  if (km <= NEAR_KM) return `near ${fullName(place)}`;
  const rounded = km < 100 ? Math.round(km) : Math.round(km / 10) * 10;
  return `${rounded} km ${DIRECTIONS[Math.round(bearing / 45) % 8]} of ${fullName(place)}`;
}
