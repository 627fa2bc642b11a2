/** The set-up of terra-draw: the actions on a polygon, and its look while it is drawn or edited. */

import { onPaletteChange, readPalette } from "../base/palette.js";

const OPAQUE_HOLE = 0.85;
const FILL = 0.2;

const isHole = ({ properties }) => properties.role === "hole";

/** @param {import("../base/palette.js").Palette} palette @param {"drawn" | "selected"} prefix the mode it is for */
function styles(palette, prefix) {
  const colour = (feature) => palette[isHole(feature) ? "map-land" : "map-accent"];
  const opacity = (feature) => (isHole(feature) ? OPAQUE_HOLE : FILL);
  const accent = palette["map-accent"];
  if (prefix === "drawn") {
    return {
      fillColor: colour,
      fillOpacity: opacity,
      outlineColor: accent,
      outlineWidth: 2,
      closingPointColor: accent,
      closingPointOutlineColor: palette["map-surface"],
      closingPointWidth: 7,
      closingPointOutlineWidth: 2,
    };
  }
  return {
    selectedPolygonColor: colour,
    selectedPolygonFillOpacity: opacity,
    selectedPolygonOutlineColor: accent,
    selectedPolygonOutlineWidth: 2.5,
    selectionPointColor: palette["map-surface"],
    selectionPointOutlineColor: accent,
    selectionPointWidth: 6,
    selectionPointOutlineWidth: 2.5,
    midPointColor: accent,
    midPointOutlineColor: palette["map-surface"],
    midPointWidth: 4,
    midPointOutlineWidth: 1,
  };
}

/**
 * @param {object} terraDraw its exports
 * @param {object} adapter to the map
 * @returns {object} a TerraDraw of two modes, "polygon" and "select"
 */
export function makeTerraDraw(terraDraw, adapter) {
  const { TerraDraw, TerraDrawPolygonMode, TerraDrawSelectMode, TerraDrawModeUndoRedo, ValidateNotSelfIntersecting } =
    terraDraw;
  const validation = (feature, { updateType }) =>
    updateType === "provisional" ? { valid: true } : ValidateNotSelfIntersecting(feature);
  const coordinates = { draggable: true, midpoints: true, deletable: true };
  const draw = new TerraDraw({
    adapter,
    modes: [
      new TerraDrawPolygonMode({ styles: styles(readPalette(), "drawn"), validation }),
      new TerraDrawSelectMode({
        styles: styles(readPalette(), "selected"),
        flags: { polygon: { feature: { draggable: true, coordinates } } },
        keyEvents: { deselect: null, delete: null, rotate: null, scale: null }, // area-tools.js handles the keys
        allowManualDeselection: false, // a click just outside a vertex also selects it
      }),
    ],
    undoRedo: { modeLevel: new TerraDrawModeUndoRedo() },
  });
  onPaletteChange((palette) => {
    draw.updateModeOptions("polygon", { styles: styles(palette, "drawn") });
    draw.updateModeOptions("select", { styles: styles(palette, "selected") });
  });
  return draw;
}
