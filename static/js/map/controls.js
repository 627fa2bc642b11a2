/** Further buttons of the map, in the style of the library's own: Home and My location. */

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  home: "M4 11.5 12 4l8 7.5M6.5 10v9.5h11V10",
  location: "M12 3v3.5M12 17.5V21M3 12h3.5M17.5 12H21M12 6.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11z",
};

function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  for (const [key, value] of [
    ["viewBox", "0 0 24 24"],
    ["class", "map-icon"],
    ["aria-hidden", "true"],
  ])
    svg.setAttribute(key, value);
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/**
 * @param {{icon: keyof typeof ICONS, words: string, act: () => void}[]} buttons
 * @returns {{onAdd: () => HTMLElement, onRemove: () => void}} a control of the map library
 */
export function buttonsControl(buttons) {
  const group = Object.assign(document.createElement("div"), { className: "maplibregl-ctrl maplibregl-ctrl-group" });
  for (const { icon: name, words, act } of buttons) {
    const button = Object.assign(document.createElement("button"), { type: "button", title: words });
    button.setAttribute("aria-label", words);
    button.append(icon(name));
    button.addEventListener("click", act);
    group.append(button);
  }
  return { onAdd: () => group, onRemove: () => group.remove() };
}
