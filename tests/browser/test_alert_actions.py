"""The alert dialog at work: its order, the map, muting, handing over, and somebody who types."""

from conftest import OpenScreen
from harness import Server, isolated, square
from playwright.sync_api import expect

IS_THEN = "(moment) => new Date(moment).getTime() === new Date(2099, 0, 2, 3, 4).getTime()"


def test_dialog_orders_shows_mutes_and_waits_for_a_pause(server: Server, open_screen: OpenScreen) -> None:
    """The worst comes first. A mute for me removes entries, and its end announces what came meanwhile."""
    person = server.person()
    area = person.save_area("Quay", square(120, 20, 4))
    page = open_screen(person).open_map()
    dialog = page.locator("#alert-dialog")
    entries = dialog.locator("#alert-list > li .incident")
    for name, severity in (("Spill", "Medium"), ("Smoke", "Urgent"), ("Crane", "High")):
        person.save_incident(name, 122, 22, severity=severity, description=f"About {name}. " * 30)
    expect(entries).to_have_text(["Smoke", "Crane", "Spill"])
    expect(dialog.locator(".description").first).to_contain_text("About Smoke.")

    # Muting for me leaves the urgent one, and the others of the area go.
    dialog.get_by_role("button", name=f"Mute…: {isolated('Crane')}").click()
    actions = page.locator("#alert-actions")
    actions.get_by_label("Reason").fill("drill")
    actions.get_by_role("button", name="Mute", exact=True).click()
    expect(actions).to_be_hidden()
    expect(entries).to_have_text(["Smoke"])
    expect(page.locator("#unread")).to_have_text("1")

    # Show on map closes it, and opens the incident's popup.
    dialog.get_by_role("button", name=f"Show on map: {isolated('Smoke')}").click()
    expect(dialog).to_be_hidden()
    expect(page.locator(".maplibregl-popup")).to_contain_text("Smoke")

    # The end of the mute announces the alert that came during it, but does not interrupt somebody who types.
    person.save_incident("Leak", 122, 22, severity="High")
    expect(page.locator("#alert-rows li", has_text="Leak")).to_contain_text("Muted")
    search = page.locator("#filter [name=text]")
    search.press_sequentially("Le")
    pk = area["properties"]["pk"]
    assert person.api("POST", f"/api/areas/{pk}/mute_for_me/", {"until": None}).status_code == 200
    notice = page.locator(".alert-notice")
    expect(notice).to_contain_text("Leak")
    expect(dialog).to_be_hidden()
    expect(search).to_be_focused()
    search.press_sequentially("ak")
    expect(search).to_have_value("Leak")
    notice.get_by_role("button", name="Show").click()
    expect(entries).to_have_text(["Leak"])
    dialog.get_by_role("button", name="Not now").click()
    expect(dialog).to_be_hidden()

    # The row of the panel acknowledges, and hands over to another account.
    search.fill("")
    server.another("Ada")
    row = page.locator("#alert-rows li", has_text="Leak")
    row.get_by_role("button", name=f"Acknowledge: {isolated('Leak')}").click()
    expect(row).to_contain_text("Acknowledged by")
    row.get_by_role("button", name=f"More: {isolated('Leak')}").click()
    actions.get_by_label("Hand over to").select_option("Ada")
    actions.get_by_role("button", name="Hand over").click()
    expect(row).to_contain_text(f"Acknowledged by {isolated('Ada')}")

    # It mutes for everybody until a chosen time, and ends that, too.
    person.save_incident("Fog", 122, 22, severity="High")
    fog = page.locator("#alert-rows li", has_text="Fog")
    dialog.get_by_role("button", name="Not now").click()
    more = fog.get_by_role("button", name=f"More: {isolated('Fog')}")
    more.click()
    expect(actions.locator("[name=end]")).to_be_hidden()
    actions.get_by_label("How long").select_option("Until…")
    actions.get_by_label("Until UTC").fill("2099-01-02T03:04")
    actions.get_by_label("Everybody").check()
    actions.get_by_role("button", name="Mute", exact=True).click()
    expect(actions).to_be_hidden()
    (muted,) = person.named("Quay", "area_of_interest")
    assert page.evaluate(IS_THEN, muted["properties"]["muted_until"])
    more.click()
    expect(actions).to_contain_text(f"{isolated('Quay')} is muted for everybody.")
    actions.get_by_role("button", name="Unmute").click()
    expect(actions).to_be_hidden()
    (area,) = person.named("Quay", "area_of_interest")
    assert "muted_until" not in area["properties"]
