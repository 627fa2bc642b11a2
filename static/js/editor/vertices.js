/**
 * Functions on the vertices of a polygon: find the nearest or the next one, remove one, move one. Pure.
 */

/**
 * @typedef {import("../base/geojson.js").Polygon} Polygon
 * @typedef {import("../base/geojson.js").Position} Position
 * @typedef {{ring: number, index: number}} Vertex ring 0 is the outline, the others are holes
 */

const FEWEST = 3; // vertices of a ring

const verticesOf = (ring) => ring.slice(0, -1); // the last position repeats the first
const closed = (vertices) => [...vertices, vertices[0]];
/** @returns {Polygon} */
const withRing = ({ coordinates }, ring, vertices) => ({
  type: "Polygon",
  coordinates: coordinates.with(ring, closed(vertices)),
});

/** How many vertices a ring has. @param {Polygon} polygon @param {number} ring */
export const count = ({ coordinates }, ring) => (coordinates[ring]?.length ?? 1) - 1;

/** @param {Polygon} polygon @param {Vertex} vertex @returns {Position | undefined} */
export const positionOf = ({ coordinates }, { ring, index }) => verticesOf(coordinates[ring] ?? []).at(index);

/**
 * The next vertex or the one before, around the outline and then around the holes.
 * @param {Polygon} polygon
 * @param {Vertex | null} vertex null: before the first
 * @param {number} step 1 or -1
 * @returns {Vertex}
 */
export function neighbour(polygon, vertex, step) {
  const all = polygon.coordinates.flatMap((positions, ring) =>
    verticesOf(positions).map((_, index) => ({ ring, index })),
  );
  if (!vertex) return all.at(step > 0 ? 0 : -1);
  const at = all.findIndex(({ ring, index }) => ring === vertex.ring && index === vertex.index);
  return all[(at + step + all.length) % all.length];
}

/**
 * The nearest vertex within `reach`, or null.
 * @param {Polygon} polygon
 * @param {(position: Position) => number} distance
 * @param {number} reach in what `distance` returns
 * @returns {Vertex | null}
 */
export function nearest({ coordinates }, distance, reach) {
  const all = coordinates.flatMap((positions, ring) =>
    verticesOf(positions).map((position, index) => ({ ring, index, away: distance(position) })),
  );
  const first = all.reduce((best, each) => (each.away < best.away ? each : best), {
    ring: 0,
    index: 0,
    away: Infinity,
  });
  return first.away <= reach ? { ring: first.ring, index: first.index } : null;
}

/** @param {Polygon} polygon @param {Vertex} vertex @param {Position} position @returns {Polygon} */
export const withVertexAt = (polygon, { ring, index }, position) =>
  withRing(polygon, ring, verticesOf(polygon.coordinates[ring]).with(index, position));

/**
 * The polygon without a vertex. A hole of three vertices is removed; for an outline of three it is null.
 * @param {Polygon} polygon
 * @param {Vertex} vertex
 * @returns {Polygon | null}
 */
export function withoutVertex(polygon, { ring, index }) {
  if (count(polygon, ring) > FEWEST)
    return withRing(polygon, ring, verticesOf(polygon.coordinates[ring]).toSpliced(index, 1));
  if (ring === 0) return null;
  return { type: "Polygon", coordinates: polygon.coordinates.toSpliced(ring, 1) };
}
