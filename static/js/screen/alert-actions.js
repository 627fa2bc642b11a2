/**
 * The dialog with everything that can be done about the alerts of one incident: acknowledge, release, hand over, and
 * mute its areas. It opens from the alert dialog, from the panel and from popups.
 */

import { handledWords } from "./panel-entries.js";
import { stateOf } from "../live/alert-order.js";
import { SEEN_MS } from "../live/seen-alerts.js";
import { isolate } from "../base/bidi.js";
import { element, isMuted } from "../base/elements.js";
import { fromLocal, offsetWords, toLocal } from "../base/local-time.js";
import { muteMinutes, tomorrowMorning } from "../base/mute-until.js";
import { serverNow } from "../base/server-clock.js";
import { published } from "../base/published.js";
import { language, t } from "../base/translate.js";

/**
 * @typedef {import("../live/alerts.js").AreaAlert} AreaAlert
 * @typedef {import("../live/alert-calls.js").AlertCalls} Calls
 */

const keyOf = (id) => Number(id.slice(id.indexOf(":") + 1));
const when = (moment) =>
  new Date(moment).toLocaleString(language, { dateStyle: "medium", timeStyle: "short", hourCycle: "h23" });

const button = (words, attributes = {}) => element("button", { type: "button", ...attributes }, words);

function field(label, control, hint = "") {
  const words = element("span", {}, label);
  if (hint) words.append(" ", element("span", { class: "hint" }, hint));
  return element("label", { class: "field" }, words, control);
}

function choice(name, value, words, checked) {
  const input = element("input", { type: "radio", name, value });
  input.checked = checked;
  return element("label", { class: "check" }, input, element("span", {}, words));
}

const noteField = (name) =>
  element("input", { name, maxlength: String(published.limits.description), autocomplete: "off" });

/**
 * @param {import("../live/store.js").Store} store @param {Calls} calls
 * @returns {(pk: number, how?: {mute?: boolean}) => void} opens the dialog for an incident; mute: at the mute
 */
export function alertActions(store, calls) {
  const title = element("h2", { id: "actions-title", tabindex: "-1", autofocus: "" });
  const body = element("div", { class: "actions-body" });
  const problem = element("p", { class: "field-error", role: "alert" });
  const close = button(t("Close"));
  const dialog = element("dialog", { id: "alert-actions", "aria-labelledby": "actions-title" }, title, body);
  dialog.append(element("div", { class: "actions-end" }, problem, close));
  document.body.append(dialog);
  close.addEventListener("click", () => dialog.close());
  /** @type {number | null} */
  let open = null;
  dialog.addEventListener("close", () => (open = null));

  const alertOf = (pk) => store.alerts.byIncident.get(pk);

  /** Carries out a call, and closes the dialog, or says why not. @param {() => Promise<unknown>} run */
  async function attempt(run) {
    problem.textContent = "";
    dialog.setAttribute("aria-busy", "true");
    try {
      await run();
      dialog.close();
    } catch (error) {
      problem.textContent = error.message;
    } finally {
      dialog.removeAttribute("aria-busy");
    }
  }

  /** @param {AreaAlert[]} areas as they are on the screen */
  function handling(areas) {
    const section = element("section", {}, element("p", {}, handledWords({ areas })));
    const taken = areas.filter(({ acknowledged }) => acknowledged);
    if (!calls.acknowledge || !calls.handling) return section;
    if (areas.length > taken.length) {
      const acknowledge = button(t("Acknowledge"), { class: "primary" });
      const open_ = areas.filter(({ acknowledged }) => !acknowledged);
      acknowledge.addEventListener("click", () => attempt(() => calls.acknowledge(open_)));
      acknowledge.disabled = true; // an alert that has just come or escalated is not meant by a press
      setTimeout(() => (acknowledge.disabled = false), SEEN_MS);
      section.append(acknowledge);
    }
    if (taken.length === 0) return section;
    const release = button(t("Release"));
    release.addEventListener("click", () => attempt(() => calls.handling.release(taken)));
    section.append(release, handOver(taken));
    return section;
  }

  /** @param {AreaAlert[]} taken */
  function handOver(taken) {
    const accounts = element("select", { name: "to", required: "" });
    const note = noteField("note");
    const form = element(
      "form",
      { class: "actions-form" },
      field(t("Hand over to"), accounts),
      field(t("Note"), note, t("Optional")),
      element("button", {}, t("Hand over")),
    );
    calls.handling.names().then(
      (names) => {
        const others = names.filter((name) => name !== taken[0].acknowledged.by);
        accounts.append(...others.map((name) => element("option", { value: name }, name)));
      },
      ({ message }) => (problem.textContent = message),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      attempt(() => calls.handling.handOver(taken, accounts.value, note.value.trim()));
    });
    return form;
  }

  /** A line with a button that ends a mute. @param {AreaAlert} area @param {"me" | "everybody"} whom */
  function unmuteLine(area, whom, words) {
    const unmute = button(t("Unmute"));
    unmute.addEventListener("click", () => attempt(() => calls.mute(keyOf(area.area), whom, { until: null })));
    return element("div", { class: "line" }, element("span", {}, words), unmute);
  }

  /** The lines that end the mutes of an area: this person's own one, and that for everybody. @param {AreaAlert} area */
  function unmuting(area) {
    const own = store.alerts.mutes.get(area.area);
    const name = isolate(area.name);
    const lines = own
      ? [unmuteLine(area, "me", t("%(area)s is muted for you until %(time)s.", { area: name, time: when(own.until) }))]
      : [];
    const properties = store.areas.get(keyOf(area.area))?.properties; // only the map loads the areas
    if (calls.handling && (area.muted || (properties && isMuted(properties))))
      lines.push(unmuteLine(area, "everybody", t("%(area)s is muted for everybody.", { area: name })));
    return lines;
  }

  /** @param {AreaAlert[]} areas */
  function muting(areas) {
    const reason = noteField("reason");
    const form = element("form", { class: "actions-form" }, element("h3", { id: "actions-mute" }, t("Mute")));
    form.append(...areas.flatMap(unmuting));
    const legend = (words) => element("legend", {}, words);
    if (areas.length > 1) {
      const choices = areas.map(({ area, name }, at) => choice("area", String(keyOf(area)), isolate(name), at === 0));
      form.append(element("fieldset", { class: "field" }, legend(t("Area")), ...choices));
    }
    const whom = element("fieldset", { class: "field" }, legend(t("For")), choice("for", "me", t("Me"), true));
    if (calls.handling) whom.append(choice("for", "everybody", t("Everybody"), false));
    const ends = { hour: t("An hour"), tomorrow: t("Until tomorrow, 8:00"), week: t("A week"), other: t("Until…") };
    const until = element("select", { name: "until" });
    until.append(...Object.entries(ends).map(([value, words]) => element("option", { value }, words)));
    const time = element("input", { type: "datetime-local", name: "end" });
    const end = field(t("Until"), time, offsetWords(new Date()));
    const showEnd = () => {
      end.hidden = until.value !== "other";
      time.required = !end.hidden;
      if (!end.hidden && !time.value) time.value = toLocal(tomorrowMorning(new Date(serverNow())).toISOString());
    };
    until.addEventListener("change", showEnd);
    showEnd();
    form.append(
      whom,
      field(t("How long"), until),
      end,
      field(t("Reason"), reason, t("Optional")),
      element("p", { class: "hint" }, t("Alerts are recorded. Urgent incidents still interrupt.")),
      element("button", {}, t("Mute")),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const values = new FormData(form);
      const pk = areas.length > 1 ? Number(values.get("area")) : keyOf(areas[0].area);
      const chosen =
        until.value === "other"
          ? { until: fromLocal(time.value) }
          : { minutes: muteMinutes(until.value, new Date(serverNow())) };
      const for_ = values.get("for") === "everybody" ? "everybody" : "me";
      attempt(() => calls.mute(pk, for_, chosen, reason.value.trim()));
    });
    return form;
  }

  function fill(pk) {
    const { feature, areas } = alertOf(pk);
    title.textContent = feature.properties.name;
    body.replaceChildren(handling(areas), muting(areas));
    problem.textContent = "";
  }

  store.subscribe(({ alerts }) => {
    if (open === null || !alerts || dialog.hasAttribute("aria-busy")) return;
    const alert = alertOf(open);
    if (!alert) dialog.close();
    else if (dialog.dataset.state !== stateKey(alert)) {
      dialog.dataset.state = stateKey(alert);
      body.firstElementChild.replaceWith(handling(alert.areas)); // what is typed about a mute stays
    }
  });
  const stateKey = (alert) =>
    [stateOf(alert), ...alert.areas.map(({ id, seq, changed }) => `${id} ${seq} ${changed}`)].join();

  return (pk, { mute = false } = {}) => {
    const alert = alertOf(pk);
    if (!alert) return;
    open = pk;
    fill(pk);
    dialog.dataset.state = stateKey(alert);
    dialog.showModal();
    if (mute) body.querySelector("#actions-mute")?.scrollIntoView({ block: "nearest" });
    title.focus();
  };
}
