/** Stands in for the page that publishes the severities and limits. Import it first. */

import { readFileSync } from "node:fs";

const source = readFileSync(new URL("../../base/severity.py", import.meta.url), "utf8");
const found = [...source.matchAll(/^ {4}([A-Z])([A-Z]+) = "([A-Z]{2})"$/gm)];
const severities = found.map(([, first, rest, code], index) => ({
  code,
  name: first + rest.toLowerCase(),
  rank: found.length - index,
}));
const limits = { name: 150, description: 1000 };
const textContent = JSON.stringify({
  severities,
  default_severity: "Medium",
  limits,
  plain_texts: [],
  plain_texts_of_areas: [],
  labels: {},
  root: "",
  version: "0.3.0",
});

globalThis.document = {
  documentElement: { lang: "en" },
  getElementById: (id) => (id === "published" ? { textContent } : null),
};
