/** The list of incidents: days and ranges of its filter are in the time zone of this browser. */

const form = /** @type {HTMLFormElement} */ (document.getElementById("list-filter"));
const zone = /** @type {HTMLInputElement} */ (form.elements.namedItem("zone"));
const isRange = () => /** @type {HTMLSelectElement} */ (form.elements.namedItem("since")).value;

form.addEventListener("submit", () => {
  // A range that the page shows is in the zone of its address.
  if (!(isRange() === "range" && zone.value)) zone.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
});
// Fields that say nothing would only make the address longer.
form.addEventListener("formdata", ({ formData }) => {
  for (const [name, value] of [...formData])
    if (value === "" || (name === "by" && value === "happened") || (name === "state" && value === "open"))
      formData.delete(name);
  if (!["today", "yesterday", "range"].includes(isRange())) formData.delete("zone");
  if (isRange() !== "range") for (const name of ["from", "to"]) formData.delete(name);
});
