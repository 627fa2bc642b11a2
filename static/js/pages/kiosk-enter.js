/** Sends the secret of a wall screen's link, which stands behind the `#`, and removes it from the address. */

/** @param {string} secret @param {string[]} rest of the link: a place on the map goes along */
function enter(secret, rest) {
  const here = location.pathname + location.search;
  history.replaceState(null, "", here);
  const form = document.getElementById("enter");
  document.getElementById("link").value = secret;
  form.action = rest.length > 0 ? `${here}#${rest.join("&")}` : here;
  form.submit();
}

function look() {
  const [secret, ...rest] = location.hash.slice(1).split("&");
  if (secret.startsWith("wall_")) enter(secret, rest);
}

look();
addEventListener("hashchange", look); // somebody has put another link in

export {};
