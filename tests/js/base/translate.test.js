/** base/translate.js, with the sentences of a page in Greek, and without any. */

import assert from "node:assert/strict";
import { test } from "node:test";

const load = (query) => import(`../../../static/js/base/translate.js?${query}`);

const POLISH = {
  sentences: {
    Close: "Zamknij",
    "%(n)s area": ["%(n)s obszar", "%(n)s obszary", "%(n)s obszarów"],
    "By %(who)s": "%(who)s!",
  },
  forms: { one: 0, few: 1, many: 2 },
};

async function inPolish(run) {
  globalThis.document = { documentElement: { lang: "pl" } };
  globalThis.trackerSentences = POLISH;
  try {
    run(await load("pl"));
  } finally {
    delete globalThis.document;
    delete globalThis.trackerSentences;
  }
}

test("a page in English has the sentences of the source", async () => {
  const { t, tn, language } = await load("en");
  assert.equal(language, "en");
  assert.equal(t("By %(who)s, at 100 %%", { who: "Ada %(n)s" }), "By Ada %(n)s, at 100 %");
  assert.equal(tn("One area", "%(n)s areas", 1), "One area");
  assert.equal(tn("One area", "%(n)s areas", 1200), "1,200 areas");
});

test("a page in another language has its sentences, and the English ones that it lacks", () =>
  inPolish(({ t }) => {
    assert.equal(t("Close"), "Zamknij");
    assert.equal(t("By %(who)s", { who: "Ada" }), "Ada!");
    assert.equal(t("Open"), "Open");
  }));

test("the plural form follows the rules of the language", () =>
  inPolish(({ tn }) => {
    const areas = [1, 2, 5, 22].map((n) => tn("%(n)s area", "%(n)s areas", n));
    assert.deepEqual(areas, ["1 obszar", "2 obszary", "5 obszarów", "22 obszary"]);
    assert.equal(tn("%(n)s page", "%(n)s pages", 2), "2 pages");
  }));

test("a sentence named like a member of every object is no translation", async () => {
  const { t } = await load("members");
  assert.equal(t("constructor"), "constructor");
});
