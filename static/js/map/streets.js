/** Opens the operator's PMTiles archive of vector tiles, and registers it with the map library. */

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
 * @returns {Promise<Streets | null>} null without an archive, or with one that cannot be drawn
 */
export async function openStreets(config, library) {
  if (!config.pmtiles) return null;
  try {
    const { PMTiles, Protocol } = await import(new URL(`${config.vendor}pmtiles.mjs`, location.href).href);
    const url = new URL(config.pmtiles, location.href).href;
    const archive = new PMTiles(url);
    const protocol = new Protocol();
    protocol.add(archive);
    library.addProtocol("pmtiles", protocol.tile);
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
