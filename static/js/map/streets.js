/** Opens the PMTiles archives of vector tiles, and registers them with the map library. */

import { schemaOf } from "./streets-schemas.js";

const VECTOR = 1; // tile type of the PMTiles header: Mapbox Vector Tile

/**
 * @typedef {object} Streets
 * @property {string} schema of streets-layers.js
 * @property {string} tiles URL template
 * @property {number} minzoom @property {number} maxzoom
 * @property {import("../base/geojson.js").Box} bounds
 * @property {string} credits HTML that holds text and links only
 */

/**
 * @param {import("./basemap.js").MapConfig} config
 * @param {{addProtocol: Function}} library that draws the map
 * @returns {Promise<Streets[]>} those that can be drawn, the largest first, so that smaller ones lie over it
 */
export async function openStreets(config, library) {
  if (!config.pmtiles) return [];
  try {
    const { PMTiles, Protocol } = await import(new URL(`${config.vendor}pmtiles.mjs`, location.href).href);
    const protocol = new Protocol();
    library.addProtocol("pmtiles", protocol.tile);
    const all = await Promise.all(config.pmtiles.map((address) => open(address, PMTiles, protocol)));
    return all.filter((each) => each !== null).sort((a, b) => size(b) - size(a));
  } catch (error) {
    console.warn("No streets:", error);
    return [];
  }
}

/** @param {Streets} streets @returns {number} square degrees */
const size = ({ bounds: [west, south, east, north] }) => (east - west) * (north - south);

/** @returns {Promise<Streets | null>} null for an archive that cannot be drawn */
async function open(address, PMTiles, protocol) {
  try {
    const url = new URL(address, location.href).href;
    const archive = new PMTiles(url);
    protocol.add(archive);
    const [header, metadata] = await Promise.all([archive.getHeader(), archive.getMetadata()]);
    return describe(header, metadata ?? {}, `pmtiles://${url}/{z}/{x}/{y}`);
  } catch (error) {
    console.warn("No streets:", error);
    return null;
  }
}

/** @returns {Streets} */
function describe(header, metadata, tiles) {
  const schema = header.tileType === VECTOR ? schemaOf((metadata.vector_layers ?? []).map(({ id }) => id)) : null;
  if (!schema) throw new Error("the archive has no vector tiles of the OpenMapTiles or Protomaps schema");
  return {
    schema,
    tiles,
    minzoom: header.minZoom,
    maxzoom: header.maxZoom,
    bounds: [header.minLon, header.minLat, header.maxLon, header.maxLat],
    credits: textAndLinks(String(metadata.attribution ?? "")),
  };
}

/**
 * Removes all but text and links to web pages from HTML, because the author of the archive is not trusted.
 * @param {string} html
 */
function textAndLinks(html) {
  const outside = new DOMParser().parseFromString(html, "text/html").body;
  const clean = document.createElement("p");
  for (const node of outside.childNodes) {
    if (node instanceof HTMLAnchorElement && /^https?:$/.test(node.protocol)) {
      clean.append(
        Object.assign(document.createElement("a"), {
          href: node.href,
          rel: "noopener",
          target: "_blank",
          textContent: node.textContent,
        }),
      );
    } else if (!["SCRIPT", "STYLE"].includes(node.nodeName)) clean.append(node.textContent ?? "");
  }
  return new XMLSerializer().serializeToString(clean).replace(/^<p[^>]*>|<\/p>$|<p[^>]*\/>$/g, "");
}
